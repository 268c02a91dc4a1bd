"""An avatar as an engine sees it over time: one picture, or a video's frames as they come."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.avatars.avatar import Avatar, VideoLoop
from app.i420 import from_bgr
from app.inference.engine import IdleMotion
from app.media import I420, Image

FRAMES_KEPT = 16  # of a video, some 6 MB each: sessions at about the same place share them

T = TypeVar("T")


class FrameCache(Generic[T]):
    """Keeps what an engine prepares: of a picture at once, of a video's frame when it is first drawn.

    A video's frames and meshes lie on disk, memory-mapped. Bound: ``FRAMES_KEPT`` frames, the latest.
    ``idle_motion``: what a picture does by itself.
    """

    def __init__(
        self, avatar: Avatar, make: Callable[[Image, NDArray[np.float32]], T], idle_motion: IdleMotion | None = None
    ) -> None:
        self._avatar, self._make, self.idle_motion = avatar, make, idle_motion
        self._rest = from_bgr(avatar.image)
        self._made: OrderedDict[int, T] = OrderedDict()
        self.at(0)  # the first is ready before anybody waits for it

    @property
    def moving(self) -> bool:
        """Whether it is a video."""
        return self._avatar.video is not None

    def without_idle_motion(self) -> FrameCache[T]:
        """Return the same frames without idle motion; what is prepared is shared."""
        if self.idle_motion is None:
            return self
        plain = copy.copy(self)
        plain.idle_motion = None
        return plain

    def idle_frame(self, position: int) -> I420:
        """Return the picture, always the same object, or the video's frame, converted in 0.3 ms (768 × 768 pixels)."""
        video = self._avatar.video
        return self._rest if video is None else from_bgr(np.asarray(video.frames[video.index(position)]))

    def at(self, position: int) -> T:
        """Return what is prepared for a position. Once constructed, called on the inference thread only."""
        video = self._avatar.video
        index = 0 if video is None else video.index(position)
        if index not in self._made:
            self._made[index] = self._prepared(video, index)
        self._made.move_to_end(index)
        while len(self._made) > FRAMES_KEPT:
            self._made.popitem(last=False)
        return self._made[index]

    def _prepared(self, video: VideoLoop | None, index: int) -> T:
        if video is None:
            return self._make(self._avatar.image, self._avatar.mesh)
        return self._make(np.asarray(video.frames[index]), video.meshes[index])
