"""Pictures between the pixels: sub-pixel movement that keeps a picture's sharpness, at the cost of a linear lookup.

A picture is kept at twice its resolution, where looking up linearly loses little: between two pixels of the finer grid
it takes 8 % off a detail of four pixels, against 29 % on the picture's own. So nothing pulses as it moves.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]  # (height, width): luma, or one of the chromas

# Lanczos's kernel, three lobes, half way between two pixels
_OFFSETS = np.arange(6) - 2.5
_TAPS = np.sinc(_OFFSETS) * np.sinc(_OFFSETS / 3)
HALF_WAY = (_TAPS / _TAPS.sum()).astype(np.float32)
REACH = 3  # pixels to each side that it reads


def doubled(plane: Plane) -> Plane:
    """Double a plane's resolution: uint8 (2 × height, 2 × width). Its pixel (2x, 2y) is the plane's (x, y)."""
    rows, columns = plane.shape
    right = _halfway(plane, HALF_WAY[None])
    fine = np.empty((2 * rows, 2 * columns), np.uint8)
    fine[::2, ::2], fine[::2, 1::2] = plane, right
    fine[1::2, ::2], fine[1::2, 1::2] = _halfway(plane, HALF_WAY[:, None]), _halfway(right, HALF_WAY[:, None])
    return fine


def _halfway(plane: Plane, taps: NDArray[np.float32]) -> Plane:
    anchor = ((taps.shape[1] - 1) // 2, (taps.shape[0] - 1) // 2)
    return np.asarray(cv2.filter2D(plane, -1, taps, anchor=anchor, borderType=cv2.BORDER_REPLICATE), np.uint8)
