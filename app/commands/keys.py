"""``keys``: API keys made, listed, renewed and revoked, in the file that a running server reads again by itself."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.access.audit import Audit
from app.access.key import id_of, make_text, sum_of
from app.access.key_ring import keys_path
from app.access.keys_file import NAME, KeyEntry, KeysFileError, change_entries, read_entries
from app.clock import wall_clock
from app.config import Settings, load_settings
from app.log_context import KEY

QUOTAS = {  # name → what it is, and its type
    "sessions": ("sessions at once", int),
    "minutes": ("minutes of sessions a day (UTC)", float),
    "avatars": ("avatars", int),
    "megabytes": ("megabytes of avatars and recordings", float),
}
LONGEST_DAYS = 36_500.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its actions."""
    parser = commands.add_parser("keys", help="make, list and revoke API keys; a running server knows at once")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    add = actions.add_parser("add", help="make a key; it is shown once, and only its sum is kept")
    add.add_argument("name", help="whose it is, in up to 64 characters")
    for name, (what, kind) in QUOTAS.items():
        add.add_argument(
            f"--{name}", type=kind, metavar="N", help=f"{what}; 0 is any number (LIPWIRE_KEY_{name.upper()})"
        )
    add.add_argument("--expires", type=float, metavar="DAYS", help="days until it opens nothing more")
    add.set_defaults(action=_add)

    actions.add_parser("list", help="which there are, and what they may use").set_defaults(action=_list)

    for action, what, does in (
        ("revoke", "take a key away: it opens nothing more, and its sessions end", _revoke),
        ("renew", "make another key in the place of one, with its quotas and all that it owns", _renew),
    ):
        parser = actions.add_parser(action, help=what)
        parser.add_argument("key", metavar="NAME|ID", help="as keys list has it")
        parser.set_defaults(action=does)


def run(args: argparse.Namespace) -> int:
    """Do the action; returns the exit status, 2 where nothing could be done."""
    settings = load_settings()
    audit = Audit(settings.audit_file)
    KEY.set("")
    try:
        return int(args.action(args, settings, audit))
    except KeysFileError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        audit.close()


def _add(args: argparse.Namespace, settings: Settings, audit: Audit) -> int:
    now, text = wall_clock(), make_text()
    sum = sum_of(text)
    quotas = {name: getattr(args, name) for name in QUOTAS}
    if any(most is not None and not 0 <= most < float("inf") for most in quotas.values()):
        raise KeysFileError("A quota is 0, for any number, or more.")
    if re.fullmatch(NAME, args.name) is None:
        raise KeysFileError("A key's name has 1 to 64 characters, of those that can be seen.")
    entry = KeyEntry(id=id_of(sum), name=args.name, sha256=sum, added=now, expires=_end(args.expires, now), **quotas)

    def with_it(entries: list[KeyEntry]) -> Sequence[KeyEntry]:
        if any(args.name in (known.name, known.id) for known in entries):
            raise KeysFileError(f"There is a key {args.name!r} already: revoke it first, or renew it.")
        return [*entries, entry]

    change_entries(keys_path(settings), with_it)
    audit.note("key_added", fields={"key": entry.id, "name": entry.name})
    _hand_over(text, entry)
    return 0


def _list(args: argparse.Namespace, settings: Settings, audit: Audit) -> int:
    now = wall_clock()
    for entry in read_entries(keys_path(settings)):
        until = f"{entry.expires:%Y-%m-%d %H:%M}" if entry.expires else "-"
        state = "expired" if entry.has_expired(now) else ""
        own = {name: getattr(entry, name) for name in QUOTAS}
        quotas = " ".join(f"{name}={most:g}" for name, most in own.items() if most is not None)
        print(f"{entry.id}  {entry.name:24}  {entry.added:%Y-%m-%d}  {until:16}  {quotas or '-'}  {state}".rstrip())
    if settings.api_keys:
        print(f"and {len(settings.api_keys)} in LIPWIRE_API_KEYS, which are the operator's", file=sys.stderr)
    return 0


def _revoke(args: argparse.Namespace, settings: Settings, audit: Audit) -> int:
    gone: list[KeyEntry] = []

    def without_it(entries: list[KeyEntry]) -> Sequence[KeyEntry]:
        gone.append(_find(entries, args.key))
        return [entry for entry in entries if entry is not gone[0]]

    change_entries(keys_path(settings), without_it)
    audit.note("key_revoked", fields={"key": gone[0].id, "name": gone[0].name})
    print(f"{gone[0].id} ({gone[0].name}) opens nothing more; its sessions end within seconds.", file=sys.stderr)
    return 0


def _renew(args: argparse.Namespace, settings: Settings, audit: Audit) -> int:
    text = make_text()
    renewed: list[KeyEntry] = []

    def with_another(entries: list[KeyEntry]) -> Sequence[KeyEntry]:
        old = _find(entries, args.key)
        renewed.append(old.model_copy(update={"sha256": sum_of(text)}))
        return [renewed[0] if entry is old else entry for entry in entries]

    change_entries(keys_path(settings), with_another)
    audit.note("key_renewed", fields={"key": renewed[0].id, "name": renewed[0].name})
    _hand_over(text, renewed[0])
    return 0


def _find(entries: Sequence[KeyEntry], key: str) -> KeyEntry:
    for entry in entries:
        if key in (entry.id, entry.name):
            return entry
    raise KeysFileError(f"There is no key {key!r}; lipwire keys list shows those there are.")


def _end(days: float | None, now: datetime) -> datetime | None:
    if days is None:
        return None
    if not 0 < days <= LONGEST_DAYS:
        raise KeysFileError(f"--expires is a number of days above 0, and {LONGEST_DAYS:g} at most.")
    return now + timedelta(days=days)


def _hand_over(text: str, entry: KeyEntry) -> None:
    """Print the key alone, so that a script can take it; people read the rest."""
    print(text)
    print(f"{entry.id} ({entry.name}): the key above is shown this once; only its sum is kept.", file=sys.stderr)
