"""A file that FFmpeg writes through: each piece of it appears whole, and what the disk refuses stays outside FFmpeg."""

from __future__ import annotations

import os
from pathlib import Path

from app.recordings.boxes import whole_until

SEAL_BYTES = 8  # a box's length and type


class GrowingFile:
    """A binary file for ``av.open``.

    What is written waits in memory until :meth:`commit` (or a seek): so the bound is what one commit takes, a few
    fragments. Then it goes to the disk without the length and type of its first box, and those go last. Where the
    process is killed in between, the file ends with a box of no length, which players pass over; half a ``moof``
    would make the whole file unreadable to some.

    What the disk refuses is kept in ``fault``; from then on nothing is written. So nothing is raised through
    FFmpeg's C code, and what it still wants to say of a failed file changes nothing. Not for several threads at a
    time; ``whole`` may be read by any.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        self._waiting = bytearray()
        self._at = 0  # where it belongs
        self.fault: OSError | None = None
        self.whole = 0  # bytes up to the end of the last whole fragment

    def write(self, data: bytes) -> int:
        """Take it all."""
        self._waiting += data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to where the next byte is written."""
        assert whence == os.SEEK_SET, "FFmpeg knows where it is"
        self.commit()
        self._at = offset
        return offset

    def tell(self) -> int:
        """Return where the next byte is written."""
        return self._at + len(self._waiting)

    def commit(self) -> None:
        """Put on the disk what waits, and count the fragments that are whole by now."""
        data = memoryview(bytes(self._waiting))
        self._waiting.clear()
        if self.fault is None and len(data):
            try:
                self._put(data[SEAL_BYTES:], self._at + SEAL_BYTES)
                self._put(data[:SEAL_BYTES], self._at)
                self.whole = whole_until(self._file, self.whole)
            except OSError as error:
                self.fault = error
        self._at += len(data)

    def finish(self) -> int:
        """Close it; returns its length. A file that has failed is cut after its last whole fragment.

        (FFmpeg closes a file before PyAV is done with it, so this is not ``close``.)
        """
        try:
            self.commit()
            if self.fault is not None:
                os.ftruncate(self._file, self.whole)
            return os.fstat(self._file).st_size
        finally:
            os.close(self._file)

    def _put(self, data: memoryview, at: int) -> None:
        while len(data):
            written = os.pwrite(self._file, data, at)
            data, at = data[written:], at + written
