"""``weights``: which are known and here, and fetching one once its terms are accepted."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from app.checkpoints.manifest import WeightsEntry, WeightsError, find_entry, read_manifest, sha256_of, verify
from app.config import Settings, load_settings

_SHA256 = re.compile(r"[0-9a-f]{64}")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its actions."""
    parser = commands.add_parser("weights", help="what weights are known and here; fetch some")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="which are known, and here").set_defaults(action=_list)
    actions.add_parser("verify", help="the same, with sums compared").set_defaults(action=_verify)

    fetch = actions.add_parser("fetch", help="download a public checkpoint")
    fetch.add_argument("name", nargs="?", help="as weights list has it")
    fetch.add_argument("--mirror", action="append", help="a folder's address; repeat it (LIPWIRE_WEIGHTS_MIRRORS)")
    fetch.add_argument("--yes", action="store_true", help="accept the licence terms")
    fetch.add_argument("--force", action="store_true", help="replace what is here")
    fetch.add_argument("--sha256", metavar="HEX", help="accept only the file with this sum")
    fetch.set_defaults(action=_fetch)


def run(args: argparse.Namespace) -> int:
    """Do the action; returns the exit status, 1 where a file is wrong, 2 where nothing could be done."""
    try:
        return int(args.action(args))
    except (WeightsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _list(args: argparse.Namespace) -> int:
    folder = load_settings().weights_dir
    for entry in read_manifest(folder):
        _show(entry, "here" if entry.path(folder).is_file() else "missing")
    return 0


def _verify(args: argparse.Namespace) -> int:
    folder = load_settings().weights_dir
    states = set()
    for entry in read_manifest(folder):
        state = verify(folder, entry)
        _show(entry, state)
        states.add(state)
    return int("wrong" in states)


def _show(entry: WeightsEntry, state: str) -> None:
    print(f"{entry.name:22} {state:8} {entry.file:25} {entry.licence}")


def _fetch(args: argparse.Namespace) -> int:
    settings = load_settings(weights_mirrors=tuple(args.mirror) if args.mirror else None)
    entry = find_entry(settings.weights_dir, args.name)
    if entry.bundled:
        raise WeightsError(f"{entry.file} comes with Lipwire; there is nothing to fetch.")
    sha256 = _sum(entry, args.sha256)
    path = entry.path(settings.weights_dir)
    if not args.force and _is_here(path, sha256):
        return 0
    addresses = _addresses(entry, settings)
    _require_consent(entry, args.yes)
    # httpx takes a while to import, which no other command should wait for
    from app.checkpoints.download import Download

    Download(path, sha256, entry.total_bytes).run(addresses)
    return 0


def _sum(entry: WeightsEntry, pinned: str | None) -> str:
    """Return the sum that the file must have: the manifest's, or the user's where it has none."""
    on_record, pinned = (each and each.lower() for each in (entry.sha256, pinned))
    if pinned and not _SHA256.fullmatch(pinned):
        raise WeightsError("--sha256 must be 64 hexadecimal digits.")
    if on_record and pinned not in (None, on_record):
        raise WeightsError(f"--sha256 is not the sum on record for {entry.file}, {on_record}; leave it out.")
    if found := on_record or pinned:
        return found
    raise WeightsError(f"No sum is on record for {entry.file}: say which file you expect with --sha256 HEX.")


def _is_here(path: Path, sha256: str) -> bool:
    """Whether the file is there and right; what a user put there is not replaced unasked."""
    if not path.is_file():
        return False
    if (found := sha256_of(path)) != sha256:
        raise WeightsError(f"{path} has the SHA-256 {found} instead of {sha256}; --force replaces it.")
    print(f"{path} is here already. Its SHA-256 is right: {sha256}")
    return True


def _addresses(entry: WeightsEntry, settings: Settings) -> Sequence[str]:
    """Return where to ask, in order: the mirrors, each a folder's address or the file's own, then the manifest's."""
    name = f"/{entry.file}"
    own = [base if base.endswith(name) else base.rstrip("/") + name for base in settings.weights_mirrors]
    if found := list(dict.fromkeys([*own, *entry.urls])):
        return found
    raise WeightsError(
        f"No address is on record for {entry.file}: name a server that has it with --mirror https://HOST/FOLDER "
        f"or LIPWIRE_WEIGHTS_MIRRORS, or copy the file into {settings.weights_dir} yourself."
    )


def _require_consent(entry: WeightsEntry, accepted: bool) -> None:
    """Show the terms and have them accepted, by ``--yes`` or at the terminal."""
    for line in (f"{entry.name}: {entry.about}", entry.made_by, f"Licence: {entry.licence}.", entry.terms):
        if line:
            print(line)
    if accepted:
        return
    if not sys.stdin.isatty():
        raise WeightsError("Nobody is here to accept these terms: run it in a terminal, or accept them with --yes.")
    try:
        answer = input("Do you accept these terms? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise WeightsError("The terms were not accepted, so nothing was fetched.")
