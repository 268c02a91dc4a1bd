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
from app.inference.engine import Cutout, IdleMotion, Job
from app.media import I420, Image

FRAMES_KEPT = 16  # of a video, some 6 MB each: sessions at about the same place share them

T = TypeVar("T")


class FrameCache(Generic[T]):
    """Keeps what an engine prepares: of a picture at once, of a video's frame when it is first drawn.

    A video's frames lie on disk. Bound: ``FRAMES_KEPT`` frames, the latest.
    ``idle_motion``: what a picture does by itself. ``least``: what it still does where there is no time for that, so
    that it never stands still altogether: a function of the position, which costs nothing.
    """

    def __init__(
        self,
        avatar: Avatar,
        make: Callable[[Image, NDArray[np.float32]], T],
        idle_motion: IdleMotion | None = None,
        least: Callable[[int], I420] | None = None,
    ) -> None:
        self._avatar, self._make, self.idle_motion, self._least = avatar, make, idle_motion, least
        self._does_least = False
        self._rest = from_bgr(avatar.image)
        self._made: OrderedDict[int, T] = OrderedDict()
        self.at(0)  # the first is ready before anybody waits for it

    @property
    def moving(self) -> bool:
        """Whether it is a video."""
        return self._avatar.video is not None

    def without_idle_motion(self) -> FrameCache[T]:
        """Return the same frames with the least of motion that there is; what is prepared is shared."""
        if self.idle_motion is None:
            return self
        plain = copy.copy(self)
        plain.idle_motion, plain._does_least = None, True
        return plain

    def idle_frame(self, position: int) -> I420:
        """Return the picture, or the video's frame, converted in 0.3 ms (768 × 768 pixels).

        A picture is always the same object, or, without its idle motion, one of the few that ``least`` gives.
        """
        video = self._avatar.video
        if self._does_least and self._least is not None:
            return self._least(position)
        index = 0 if video is None else video.index(position)
        return self._rest if video is None or index == 0 else from_bgr(np.asarray(video.frames[index]))

    def matte(self, job: Job) -> NDArray[np.uint8] | None:
        """Return which part of a job's picture is the person; see :class:`Cutout`."""
        return self.idle_motion.matte(job) if isinstance(self.idle_motion, Cutout) else self._avatar.mask

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
