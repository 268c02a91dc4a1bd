"""A video's frames on the disk, read one at a time, by any number of sessions."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np

from app.disk import open_plain
from app.media import Image


class FrameFileClosed(ValueError):
    """Nobody holds the file any more."""


class FrameFile:
    """Frames as they lie in a file: like a list of uint8 (height, width, 3), BGR. For any thread.

    Whoever made it holds it, as does each that calls :meth:`hold`, until they :meth:`release` it. Then it is closed,
    whoever still has the object: so the disk gets the bytes of a deleted avatar back at once. It is
    read, not mapped: a file that is cut off, or a disk that is gone, is an error then, and not the end of the process.
    """

    def __init__(self, path: Path, frames: int, width: int, height: int) -> None:
        self.shape = (frames, height, width, 3)
        self.dtype = np.dtype(np.uint8)
        self._frame_bytes = height * width * 3
        self._guard, self._holders = threading.Lock(), 1
        self._file: BinaryIO | None = open_plain(path)
        if os.fstat(self._file.fileno()).st_size != frames * self._frame_bytes:
            self.release()
            raise ValueError(f"{path.name} has not the size that it should have")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> Image:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        block = bytearray(self._frame_bytes)
        self.hold()  # so that nobody closes it meanwhile
        try:
            assert self._file is not None
            read = os.preadv(self._file.fileno(), [block], index % len(self) * self._frame_bytes)
        finally:
            self.release()
        if read != self._frame_bytes:
            raise OSError("a video's file was cut off")
        return np.frombuffer(block, np.uint8).reshape(self.shape[1:])

    def hold(self) -> None:
        """Keep it open.

        Raises:
            FrameFileClosed: when it is closed already.
        """
        with self._guard:
            if self._holders == 0:
                raise FrameFileClosed("the video is gone")
            self._holders += 1

    def release(self) -> None:
        """Let it be closed; once for each hold."""
        with self._guard:
            self._holders -= 1
            file = self._file if self._holders == 0 else None
            if file is not None:
                self._file = None
        if file is not None:
            file.close()

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self._file.close()  # type: ignore[union-attr]
