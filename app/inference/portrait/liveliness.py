"""A picture's own life: its eyelids and its head, prepared once, and drawn at any moment."""

from __future__ import annotations

import zlib
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from app.i420 import from_bgr
from app.inference.engine import Portrait, Window
from app.inference.eyes import EyeFinder
from app.inference.portrait.area import Area
from app.inference.portrait.emphasis import emphasis_of
from app.inference.portrait.eyelids import close_eyelids, make_eyelids
from app.inference.portrait.head import Head, make_head, move_head, patch_head
from app.inference.portrait.life import blink_at, moment
from app.media import I420, Image

LEAST_CLOSURE = 0.01
HEAD_STEP = 2  # slots, in which a swaying head moves by less than half a pixel: it is moved once in them
NEAR = 0.08  # of the emphasis: moves a head by less than a fifth of a pixel
HEADS_KEPT = 8  # moved pictures: a few sessions' latest


class Liveliness:
    """What makes one picture (BGR, with its mesh (468, 2)) blink, breathe and sway.

    Any thread may draw. The same picture always lives the same life; slots of one step share a moved head where their
    emphasis is near enough. Bound: ``HEADS_KEPT`` of them, the latest.
    """

    def __init__(self, image: Image, mesh: NDArray[np.float32], eyes: EyeFinder) -> None:
        self._image = image
        self._seed = zlib.crc32(image.tobytes())
        self._head = make_head(image, mesh)
        self._eyelids = make_eyelids(image, eyes.find(image, mesh), mesh)
        self._moved: deque[tuple[int, float, Image]] = deque(maxlen=HEADS_KEPT)  # step, emphasis, picture

    def emphasis(self, window: Window) -> float:
        """Return how strongly the face speaks in a window, 0…1."""
        return emphasis_of(window.mel)

    def stands_for(self, position: int) -> int:
        """Return the position whose picture at rest will do: a head that only sways needs one in two."""
        before = position - position % HEAD_STEP
        return position if blink_at(self._seed, position) or blink_at(self._seed, before) else before

    def at_rest(self, position: int, emphasis: float) -> I420:
        """Return the picture with its mouth as it was, so many slots into its endless life."""
        return from_bgr(self.apply(self._image, position, emphasis))

    def apply(self, picture: Image, position: int, emphasis: float) -> Image:
        """Return a posed picture, alive: uint8 (height, width, 3), BGR; the same object where nothing moves.

        ``picture`` may differ from the one that was prepared, in the mouth's region say; it is not written to.
        """
        changed = [] if picture is self._image else _changed(self._image, picture)
        blink = blink_at(self._seed, position)
        if blink > LEAST_CLOSURE and self._eyelids:
            picture = picture.copy()
            for lids in self._eyelids:
                close_eyelids(picture, lids, blink)
                changed.append(lids.area)
        if self._head is None:
            return picture
        step = position - position % HEAD_STEP
        emphasis, moved = self._head_at(self._head, step, emphasis)
        return patch_head(moved, picture, self._head, moment(self._seed, step, emphasis), changed) if changed else moved

    def _head_at(self, head: Head, step: int, emphasis: float) -> tuple[float, Image]:
        """Return the picture with its head moved, and the emphasis that it was moved with."""
        for known, near, moved in tuple(self._moved):
            if known == step and abs(near - emphasis) <= NEAR:
                return near, moved
        moved = move_head(self._image, head, moment(self._seed, step, emphasis))
        self._moved.append((step, emphasis, moved))
        return emphasis, moved


def life_of(portrait: Portrait, eyes: EyeFinder) -> Liveliness | None:
    """Prepare a picture's life; a video has its own.

    Raises:
        LandmarkFilesMissing: see the message.
    """
    return None if portrait.clip is not None else Liveliness(portrait.image, portrait.mesh, eyes)


def _changed(before: Image, after: Image) -> list[Area]:
    """Return the rectangle around all pixels that differ, or nothing."""
    rows, columns, channels = before.shape
    left, top, width, height = cv2.boundingRect(cv2.absdiff(before, after).reshape(rows, columns * channels))
    if not width:
        return []
    return [Area(left // channels, top, -(-(left + width) // channels), top + height)]
