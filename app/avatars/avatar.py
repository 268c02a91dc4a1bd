"""What a face is before an engine prepares it: a picture or a video, and where the face lies in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.avatars.frame_file import FrameFile
from app.media import Image


@dataclass(frozen=True, slots=True)
class VideoLoop:
    """A video as a loop that is played forth and back, so that it never jumps.

    ``frames``: uint8 (n, height, width, 3), BGR, on the disk or in memory. ``meshes``: float32 (n, 468, 2), pixels,
    smoothed.
    """

    frames: NDArray[np.uint8] | FrameFile
    meshes: NDArray[np.float32]

    def hold(self) -> None:
        """Keep its file open until :meth:`release`.

        Raises:
            FrameFileClosed: when it is closed already.
        """
        if isinstance(self.frames, FrameFile):
            self.frames.hold()

    def release(self) -> None:
        """Let its file be closed; once for each hold, and once for its making."""
        if isinstance(self.frames, FrameFile):
            self.frames.release()

    def index(self, position: int) -> int:
        """Return which frame stands at a position of the endless loop, 25 a second from 0."""
        last = len(self.frames) - 1
        if last == 0:
            return 0
        place = position % (2 * last)
        return min(place, 2 * last - place)


@dataclass(frozen=True, slots=True)
class Avatar:
    """A picture with a face in it, as uploaded or bundled.

    ``image``: uint8 (height, width, 3), BGR, even sides. ``mesh``: float32 (468, 2), pixels, the points of
    MediaPipe's face mesh. ``video``: its frames, where it is a video; ``image`` is the first. ``mask``: uint8 (height,
    width), 255 where the person is, where that is known. ``transparent``: whether the rest is to be left out.
    """

    id: str
    name: str
    image: Image
    mesh: NDArray[np.float32]
    video: VideoLoop | None = None
    mask: NDArray[np.uint8] | None = None
    transparent: bool = False

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.image.shape[0])
