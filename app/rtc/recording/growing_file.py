"""A file that FFmpeg writes through, which never fails in FFmpeg's hands."""

from __future__ import annotations

from pathlib import Path

from app.recordings.boxes import whole_until


class GrowingFile:
    """A binary file for ``av.open``. What the disk refuses is kept in ``fault``; from then on writes do nothing.

    So whatever FFmpeg still wants to say of a file that has failed changes nothing in it, and nothing is raised
    through its C code. Not for several threads at a time; ``whole`` may be read by any.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w+b", buffering=0)
        self.fault: OSError | None = None
        self.whole = 0  # bytes up to the end of the last whole fragment

    def write(self, data: bytes) -> int:
        """Write all of it, or note why that cannot be."""
        rest = memoryview(data)
        while len(rest) and self.fault is None:
            try:
                rest = rest[self._file.write(rest) or 0 :]
            except OSError as error:
                self.fault = error
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to where the next byte is written."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where the next byte is written."""
        return self._file.tell()

    def look(self) -> None:
        """Count the fragments that are whole by now."""
        self.whole = whole_until(self._file.fileno(), self.whole)

    def finish(self) -> int:
        """Close it; returns its length. A file that has failed is cut after its last whole fragment.

        (FFmpeg may close a file before it is done with it, so this is not ``close``.)
        """
        try:
            if self.fault is not None:
                self.look()
                self._file.truncate(self.whole)
            return self._file.seek(0, 2)
        finally:
            self._file.close()
