"""An avatar as an engine sees it over time: one picture, or a video's frames as they come."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.i420 import from_bgr
from app.inference.engine import Clip, Life, Portrait
from app.media import I420, Image

SHOTS_KEPT = 16  # of a video: what sessions at about the same place share, some 6 MB each

T = TypeVar("T")


class Shots(Generic[T]):
    """What an engine prepares of a picture and its mesh: once of a picture; of a video's frame when it is first drawn.

    A video's frames and meshes lie on disk, memory-mapped. Bound: ``SHOTS_KEPT`` frames, the latest. ``life``: what a
    picture does by itself.
    """

    def __init__(
        self, portrait: Portrait, make: Callable[[Image, NDArray[np.float32]], T], life: Life | None = None
    ) -> None:
        self._portrait, self._make, self.life = portrait, make, life
        self._rest = from_bgr(portrait.image)
        self._made: OrderedDict[int, T] = OrderedDict()
        self.at(0)  # the first is ready before anybody waits for it

    @property
    def moving(self) -> bool:
        """Whether it is a video."""
        return self._portrait.clip is not None

    def calmed(self) -> Shots[T]:
        """Return the same shots without life; what is prepared of them is shared."""
        if self.life is None:
            return self
        calm = copy.copy(self)
        calm.life = None
        return calm

    def rest(self, position: int) -> I420:
        """Return the picture as it is, one object; or the video's frame, converted in 0.3 ms of 768 × 768 pixels."""
        clip = self._portrait.clip
        return self._rest if clip is None else from_bgr(np.asarray(clip.frames[clip.index(position)]))

    def at(self, position: int) -> T:
        """Return what was prepared for a position. After the first, on the inference thread only."""
        clip = self._portrait.clip
        index = 0 if clip is None else clip.index(position)
        if index not in self._made:
            self._made[index] = self._prepared(clip, index)
        self._made.move_to_end(index)
        while len(self._made) > SHOTS_KEPT:
            self._made.popitem(last=False)
        return self._made[index]

    def _prepared(self, clip: Clip | None, index: int) -> T:
        if clip is None:
            return self._make(self._portrait.image, self._portrait.mesh)
        return self._make(np.asarray(clip.frames[index]), clip.meshes[index])
