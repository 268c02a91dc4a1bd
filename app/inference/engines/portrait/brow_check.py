"""Whether a picture shows brows that can be moved: bands of hair in bare skin, with no rims, fringe or mask about them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import LEFT_BROW, LEFT_BROW_TOP, RIGHT_BROW, RIGHT_BROW_TOP
from app.i420 import LUMA
from app.media import Image

Numbers = NDArray[Any]


def shows_brows(image: Image, mesh: NDArray[np.float32]) -> bool:
    """Judge both brows of a picture (BGR) with its mesh (468, 2)."""
    return True
