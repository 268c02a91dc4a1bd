"""Weights on disk: which are known, which are there, and whether they are what they should be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.assets import WEIGHTS

MANIFEST = "manifest.json"
CHUNK_BYTES = 1 << 20
SHIPPED = WEIGHTS / MANIFEST  # for folders that hold checkpoints alone


class WeightsError(Exception):
    """Weights that are missing or not what they should be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One file of the manifest. ``sha256`` and ``total_bytes`` are None where they are not on record.

    ``urls`` are addresses of the file itself, the same file at each; ``terms`` says what its makers allow.
    """

    name: str
    engine: str
    file: str
    sha256: str | None
    licence: str
    about: str
    made_by: str = ""
    terms: str = ""
    urls: tuple[str, ...] = ()
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What tells a file from any other; None where that is not known."""

    sha256: str | None
    total_bytes: int | None = None


def read_manifest(folder: Path) -> list[WeightsEntry]:
    """Read the folder's ``manifest.json``, or the shipped one.

    Raises:
        WeightsError: when it is missing or damaged.
    """
    own = folder / MANIFEST
    try:
        stored = json.loads((own if own.is_file() else SHIPPED).read_text())
        return [WeightsEntry(**{**entry, "urls": tuple(entry.get("urls", ()))}) for entry in stored["weights"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{own} cannot be read: {error}") from error


def find_entry(folder: Path, name: str | None) -> WeightsEntry:
    """Return the manifest's entry of that name.

    Raises:
        WeightsError: when there is none; it lists those that there are.
    """
    entries = read_manifest(folder)
    for entry in entries:
        if entry.name == name:
            return entry
    wanted = f'There are no weights "{name}"' if name else "Say which weights to fetch"
    raise WeightsError(f"{wanted}; choose one of {', '.join(entry.name for entry in entries)}.")


def find_checkpoint(folder: Path, engine: str) -> Path | None:
    """Return the first of an engine's known files that lies in the folder, in the manifest's order."""
    for entry in read_manifest(folder):
        path = folder / entry.file
        if entry.engine == engine and path.is_file():
            return path
    return None


def verify(folder: Path, entry: WeightsEntry, progress: Callable[[int], None] = lambda count: None) -> str:
    """Return ``missing``, ``ok``, ``unknown`` (there, but with no sum to compare) or ``wrong``."""
    path = folder / entry.file
    if not path.is_file():
        return "missing"
    found = sha256_of(path, progress)
    if entry.sha256 is None:
        return "unknown"
    return "ok" if found == entry.sha256.lower() else "wrong"


def sha256_of(path: Path, progress: Callable[[int], None] = lambda count: None) -> str:
    """Return a file's SHA-256 in hexadecimal; ``progress`` gets the bytes of each step."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            progress(len(chunk))
    return digest.hexdigest()
