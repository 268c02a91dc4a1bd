"""Weights on disk: which are known, which are there, and whether they are what they should be."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from app.assets import WEIGHTS

MANIFEST = "manifest.json"
SHIPPED = WEIGHTS / MANIFEST  # for folders that hold checkpoints alone


class WeightsError(Exception):
    """Weights that are missing or not what they should be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One file of the manifest. ``sha256`` and ``total_bytes`` are None where they are not on record.

    ``urls`` are addresses of the file itself, the same file at each; ``terms`` says what its makers allow.
    A ``bundled`` file comes with Lipwire.
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
    bundled: bool = False

    def path(self, folder: Path) -> Path:
        """Return where the file lies, or should: in ``folder``; a bundled one that is not there, where it came."""
        own = folder / self.file
        return WEIGHTS / self.file if self.bundled and not own.is_file() else own


def read_manifest(folder: Path) -> list[WeightsEntry]:
    """Read the folder's ``manifest.json``, or the shipped one.

    Raises:
        WeightsError: when it is missing or damaged.
    """
    own = folder / MANIFEST
    path = own if own.is_file() else SHIPPED
    try:
        stored = json.loads(path.read_text())
        return [WeightsEntry(**{**entry, "urls": tuple(entry.get("urls", ()))}) for entry in stored["weights"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error


def find_entry(folder: Path, name: str | None) -> WeightsEntry:
    """Return the manifest's entry of that name.

    Raises:
        WeightsError: when there is none; it lists those that can be fetched.
    """
    entries = read_manifest(folder)
    for entry in entries:
        if entry.name == name:
            return entry
    wanted = f'There are no weights "{name}"' if name else "Say which weights to fetch"
    raise WeightsError(f"{wanted}; choose one of {', '.join(entry.name for entry in entries if not entry.bundled)}.")


def find_checkpoint(folder: Path, engine: str) -> Path | None:
    """Return the first of an engine's known files that is there, in the manifest's order.

    Raises:
        WeightsError: when the manifest cannot be read.
    """
    paths = [entry.path(folder) for entry in read_manifest(folder) if entry.engine == engine]
    return next((path for path in paths if path.is_file()), None)


def verify(folder: Path, entry: WeightsEntry) -> str:
    """Return ``missing``, ``ok``, ``unknown`` (there, but with no sum to compare) or ``wrong``."""
    path = entry.path(folder)
    if not path.is_file():
        return "missing"
    if entry.sha256 is None:
        return "unknown"
    return "ok" if sha256_of(path) == entry.sha256.lower() else "wrong"


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
