"""The boxes that an MP4 consists of, as far as one must know them to tell which of its fragments are whole."""

from __future__ import annotations

import os

HEADER_BYTES = 16  # size, type, and the longer size of a box over 4 GB


def whole_until(file: int, start: int = 0) -> int:
    """Return where the last whole fragment ends in an open file (its descriptor), looking from a box that begins at
    ``start``; ``start`` where none does.

    A fragment is a ``moof`` and the ``mdat`` behind it. What comes before the first, and the index behind the last
    one of a finished file, is none.
    """
    size = os.fstat(file).st_size
    at, whole, in_fragment = start, start, False
    while at < size:
        kind, length = _box(os.pread(file, HEADER_BYTES, at))
        if length == 0 or at + length > size:
            break
        at += length
        if kind == b"mdat" and in_fragment:
            whole = at
        in_fragment = kind == b"moof"
    return whole


def _box(header: bytes) -> tuple[bytes, int]:
    """Return a box's type and its length in bytes, with its header; length 0 where it is none."""
    length, kind = int.from_bytes(header[:4]), header[4:8]
    if length == 1 and len(header) == HEADER_BYTES:
        length = int.from_bytes(header[8:])
    return kind, length if length >= 8 and len(kind) == 4 else 0
