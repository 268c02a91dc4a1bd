"""The file that a download has not finished, and the note beside it of where its bytes came from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Origin:
    """Which version of which file some bytes are of. ``validator`` is the server's own name for the version."""

    address: str
    validator: str | None
    total_bytes: int | None


class PartialDownload:
    """An unfinished file beside its final place, with a note of its origin that outlives the process."""

    def __init__(self, target: Path) -> None:
        # the suffix stays last, as it tells a checkpoint's reader what kind it is
        self.path = target.with_name(f"{target.stem}.part{target.suffix}")
        self._note = self.path.with_name(f"{self.path.name}.json")
        self.begun_by: str | None = None  # the address that gave the first byte, when it was in this run

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def origin(self) -> Origin | None:
        """Return where the bytes came from, or None where that is not known."""
        try:
            return Origin(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, origin: Origin) -> None:
        """Empty the file, for the bytes of ``origin``."""
        self.path.write_bytes(b"")  # before the note: old bytes must never carry a new one
        self.note(origin)
        self.begun_by = origin.address

    def note(self, origin: Origin) -> None:
        """Write down where the bytes come from."""
        self._note.write_text(json.dumps(asdict(origin)))

    def discard(self) -> None:
        """Delete the file and its note."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.begun_by = None

    def finish(self, target: Path) -> None:
        """Move the file to its place in one step."""
        self.path.replace(target)
        self._note.unlink(missing_ok=True)
