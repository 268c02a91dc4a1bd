"""Pictures between the pixels: sub-pixel movement that keeps a picture's sharpness, at the cost of a linear lookup.

A picture is kept at twice its resolution, where looking up linearly loses little: between two pixels of the finer grid
it takes 8 % off a detail of four pixels, against 29 % on the picture's own. So nothing pulses as it moves.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media import Image

# Lanczos's kernel, three lobes, half way between two pixels
_OFFSETS = np.arange(6) - 2.5
_TAPS = np.sinc(_OFFSETS) * np.sinc(_OFFSETS / 3)
HALF_WAY = (_TAPS / _TAPS.sum()).astype(np.float32)
REACH = 3  # pixels to each side that it reads


def finer(image: Image) -> Image:
    """Double a picture's resolution: uint8 (2 × height, 2 × width, 3); pixel (2x, 2y) is the picture's (x, y)."""
    rows, columns = image.shape[:2]
    wide = _beside(image, _halfway(image, HALF_WAY[None]))
    tall = np.concatenate([wide[:, None], _halfway(wide, HALF_WAY[:, None])[:, None]], axis=1)
    return tall.reshape(2 * rows, 2 * columns, 3)


def look_up(fine: Image, offset: NDArray[np.float32], at: NDArray[np.int16]) -> Image:
    """Sample a doubled picture at ``at`` + ``offset``, its own pixels both, (height, width, 2): uint8, BGR."""
    whole, fraction = cv2.convertMaps(offset, None, cv2.CV_16SC2)  # type: ignore[call-overload]
    np.add(whole, at, out=whole)
    return np.asarray(cv2.remap(fine, whole, fraction, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _beside(even: Image, odd: Image) -> Image:
    rows, columns = even.shape[:2]
    return np.asarray(cv2.merge([even, odd]), np.uint8).reshape(rows, 2 * columns, 3)


def _halfway(image: Image, taps: NDArray[np.float32]) -> Image:
    anchor = ((taps.shape[1] - 1) // 2, (taps.shape[0] - 1) // 2)
    return np.asarray(cv2.filter2D(image, -1, taps, anchor=anchor, borderType=cv2.BORDER_REPLICATE), np.uint8)
