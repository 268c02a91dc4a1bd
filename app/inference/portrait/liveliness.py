"""A picture's own life: its eyelids and its head, prepared once, and drawn at any moment."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.engine import Portrait, Window
from app.inference.eyes import EyeFinder
from app.inference.portrait.area import Area
from app.inference.portrait.emphasis import emphasis_of
from app.inference.portrait.eyelids import close_eyelids, make_eyelids
from app.inference.portrait.head import make_head, move_head
from app.inference.portrait.life import blink_at, moment
from app.media import Image

LEAST_CLOSURE = 0.01
REST_STEP = 2  # slots, in which a swaying head moves by less than a third of a pixel


class Liveliness:
    """What makes one picture (BGR, with its mesh (468, 2)) blink, breathe and sway.

    Nothing changes after it was made: any thread may draw. The same picture always lives the same life.
    """

    def __init__(self, image: Image, mesh: NDArray[np.float32], eyes: EyeFinder) -> None:
        self._image = image
        self._seed = zlib.crc32(image.tobytes())
        self._head = make_head(image, mesh)
        self._eyelids = make_eyelids(image, eyes.find(image, mesh), mesh)

    def emphasis(self, window: Window) -> float:
        """Return how strongly the face speaks in a window, 0…1."""
        return emphasis_of(window.mel)

    def stands_for(self, position: int) -> int:
        """Return the position whose picture at rest will do: a head that only sways needs one in two."""
        before = position - position % REST_STEP
        return position if blink_at(self._seed, position) or blink_at(self._seed, before) else before

    def at_rest(self, position: int, emphasis: float) -> Image:
        """Return the picture with its mouth as it was, so many slots into its endless life."""
        return self.apply(self._image, position, emphasis)

    def apply(self, picture: Image, position: int, emphasis: float) -> Image:
        """Return a posed picture, alive: uint8 (height, width, 3), BGR; the same object where nothing moves.

        ``picture`` may differ from the one that was prepared, in the mouth's region say; it is not written to.
        """
        now = moment(self._seed, position, emphasis)
        changed = [] if picture is self._image else _changed(self._image, picture)
        if now.blink > LEAST_CLOSURE and self._eyelids:
            picture = picture.copy()
            for lids in self._eyelids:
                close_eyelids(picture, lids, now.blink)
                changed.append(lids.area)
        return picture if self._head is None else move_head(picture, self._head, now, changed)


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
