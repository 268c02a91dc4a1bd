"""A background that stands still while the head moves before it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.matting import around, own_colours
from app.i420 import chromas_of, from_bgr, planes_of
from app.inference.engines.portrait.compiled import compiled
from app.media import I420, Image

Bytes = NDArray[np.uint8]

SPREAD = 0.02  # of the picture: how far its colours go on behind the head
FLAT = 1.0  # steps from a pixel to the next, below which nobody sees a background move


class Backdrop:
    """What lies behind a person. ``image``: BGR, with ``mask``, 255 where the person is. For any thread.

    ``person``: the picture to move in place of ``image``: where it is only partly the person's it is wholly so, so that
    nothing of the background moves along.
    """

    def __init__(self, image: Image, mask: Bytes) -> None:
        self.person = np.where(mask[..., None] > 2, own_colours(image, mask), image).astype(np.uint8)
        going_on, _ = around(image, mask < 3, max(2.0, SPREAD * max(mask.shape)))
        behind = np.where(mask[..., None] < 3, image, np.clip(np.round(going_on), 0, 255)).astype(np.uint8)
        self._behind = from_bgr(behind)

    def put(self, picture: I420, mask: Bytes) -> None:
        """Put it behind the person in a picture, in place; ``mask``: where the person is in that."""
        _put_luma(planes_of(picture).y, planes_of(self._behind).y, mask)
        for chroma, behind in zip(chromas_of(picture), chromas_of(self._behind), strict=True):
            _put_chroma(chroma, behind, mask)


def backdrop_of(image: Image, mask: Bytes | None) -> Backdrop | None:
    """Prepare a picture's; None where there is no mask, or nobody would see its background move."""
    if mask is None or not (mask < 3).any():
        return None
    steps = np.abs(cv2.Sobel(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_32F, 1, 0)) / 8
    return Backdrop(image, mask) if float(steps[mask < 3].mean()) > FLAT else None


@compiled
def _put_luma(picture: Bytes, behind: Bytes, mask: Bytes) -> None:
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            share = np.int32(mask[row, column])
            mixed = share * np.int32(picture[row, column]) + (255 - share) * np.int32(behind[row, column])
            picture[row, column] = np.uint8((mixed * 257 + 32896) >> 16)  # a 255th, rounded


@compiled
def _put_chroma(picture: Bytes, behind: Bytes, mask: Bytes) -> None:
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            upper, left = 2 * row, 2 * column
            share = np.int32(mask[upper, left]) + np.int32(mask[upper, left + 1])
            share += np.int32(mask[upper + 1, left]) + np.int32(mask[upper + 1, left + 1])
            mixed = share * np.int32(picture[row, column]) + (1020 - share) * np.int32(behind[row, column])
            picture[row, column] = np.uint8((mixed + 510) // 1020)
