"""Fetching a known checkpoint: its terms accepted, from the first server that gives it, checked before it is used."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from app.checkpoints.download import Download, Patience, ServerFailed, open_client, without_password
from app.checkpoints.manifest import Wanted, WeightsEntry, WeightsError, sha256_of
from app.checkpoints.partial_download import PartialDownload

_SHA256 = re.compile(r"[0-9a-f]{64}")

Say = Callable[[str], None]


class FetchError(WeightsError):
    """The weights could not be fetched; the message says why and what to do."""


class WrongFile(Exception):
    """A file that is not the wanted one; the message says what is wrong with "it"."""


def wanted(entry: WeightsEntry, pinned: str | None) -> Wanted:
    """Return what the file must be: as the manifest has it, with the sum that the user pinned where it has none.

    Raises:
        FetchError: when the pinned one is no SHA-256, or not the manifest's.
    """
    on_record = entry.sha256.lower() if entry.sha256 else None
    if pinned is None:
        return Wanted(on_record, entry.total_bytes)
    if not _SHA256.fullmatch(pinned.lower()):
        raise FetchError("--sha256 must be 64 hexadecimal digits.")
    if on_record not in (None, pinned.lower()):
        raise FetchError(f"--sha256 is not the sum on record for {entry.file}, {on_record}; leave it out.")
    return Wanted(pinned.lower(), entry.total_bytes)


def addresses(entry: WeightsEntry, mirrors: Sequence[str]) -> list[str]:
    """Return where to ask, in order: the mirrors' addresses of the file, then the manifest's.

    A mirror is a folder's address, or that of the file itself.

    Raises:
        FetchError: when there is nowhere to ask.
    """
    own = [base if base.endswith(f"/{entry.file}") else f"{base.rstrip('/')}/{entry.file}" for base in mirrors]
    found = list(dict.fromkeys([*own, *entry.urls]))
    if not found:
        raise FetchError(
            f"No address is on record for {entry.file}: name a server that has it with --mirror https://HOST/FOLDER "
            "or LIPWIRE_WEIGHTS_MIRRORS, or copy the file into the weights folder yourself."
        )
    return found


def require_consent(entry: WeightsEntry, accepted: bool, ask: Callable[[str], str] | None, say: Say) -> None:
    """Show the terms and have them accepted: ``accepted`` already, or by a "y" from ``ask``.

    Raises:
        FetchError: when they are not, or there is nobody to ask.
    """
    for line in (f"{entry.name}: {entry.about}", entry.made_by, f"Licence: {entry.licence}.", entry.terms):
        if line:
            say(line)
    if accepted:
        return
    if ask is None:
        raise FetchError("Nobody is here to accept these terms: run it in a terminal, or accept them with --yes.")
    try:
        answer = ask("Do you accept these terms? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise FetchError("The terms were not accepted, so nothing was fetched.")


def is_here(path: Path, sha256: str | None, say: Say) -> bool:
    """Whether the file is there and what it should be.

    Raises:
        FetchError: when it is there and something else; what a user put there is not replaced unasked.
    """
    if not path.is_file():
        return False
    try:
        found = _check(path, sha256)
    except WrongFile as error:
        raise FetchError(f"{path} is there, but it {error}; --force replaces it.") from error
    say(f"{path} is here already. {_verdict(found, sha256)}")
    return True


def fetch(path: Path, sources: Sequence[str], file: Wanted, patience: Patience, say: Say) -> None:
    """Bring the file from the first address that gives it, and move it to ``path`` once it is checked.

    Raises:
        FetchError: when no address gives it; it says why not, of each.
        WeightsError: when the disk is too full, or the machine's proxy settings cannot be used.
        OSError: when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = PartialDownload(path)
    failures = []
    try:
        with open_client(patience) as client:
            for source in sources:
                shown = without_password(source)
                say(f"Fetching {shown}" + (f", continuing {part.path.name}" if part.size else ""))
                try:
                    found = _fetch_from(client, source, part, file, patience)
                except ServerFailed as error:
                    say(f"No: {error}.")
                    failures.append(f"{shown}: {error}")
                else:
                    part.finish(path)
                    return say(f"{path} is here now. {_verdict(found, file.sha256)}")
    except KeyboardInterrupt:
        say(f"Stopped.{_kept(part)}")
        raise
    raise FetchError(
        f"{path.name} could not be fetched: {'; '.join(failures)}. Name another server that has it with "
        f"--mirror https://HOST/FOLDER, or put the file at {path} yourself{_proof(file)}.{_kept(part)}"
    )


def _fetch_from(client: httpx.Client, source: str, part: PartialDownload, file: Wanted, patience: Patience) -> str:
    download = Download(client, source, part, file, patience)
    while True:
        download.run()
        try:
            return _check(part.path, file.sha256)
        except WrongFile as error:
            own = part.begun_by == without_password(source)
            part.discard()
            # bytes of an earlier run or another server may be to blame: this one gets a go from the start
            if own:
                raise ServerFailed(f"what it sent {error}") from error


def _check(path: Path, sha256: str | None) -> str:
    """Return the file's sum, once it is the wanted one or, with none wanted, the file loads."""
    found = sha256_of(path)
    if sha256 is None:
        # torch takes seconds to import, which a sum makes unnecessary
        from app.inference.engines.wav2lip.checkpoint import load_checkpoint

        try:
            load_checkpoint(path)
        # the last four are what the unpickler raises on arbitrary bytes, which these may be
        except (WeightsError, LookupError, TypeError, AttributeError, struct.error) as error:
            raise WrongFile(f"is no Wav2Lip checkpoint ({str(error).rstrip('.')})") from error
    elif found != sha256:
        raise WrongFile(f"has the SHA-256 {found} instead of {sha256}")
    return found


def _kept(part: PartialDownload) -> str:
    return f" {part.path} keeps what came so far; the same command continues it." if part.size else ""


def _proof(file: Wanted) -> str:
    return f"; its SHA-256 is {file.sha256}" if file.sha256 else ""


def _verdict(found: str, sha256: str | None) -> str:
    if sha256 is not None:
        return f"Its SHA-256 is right: {found}"
    return f"It loads as a Wav2Lip checkpoint. No sum is on record; to accept this very file alone: --sha256 {found}"
