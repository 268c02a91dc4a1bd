"""The file beside an avatar's picture that says which part of it is the person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from app.avatars.avatar_info import AvatarInfo
from app.disk import read_plain
from app.faces.matting import Mask

MASK = "mask.png"
MOST_BYTES = 64 * 1024 * 1024


def read_mask(folder: Path, info: AvatarInfo) -> Mask | None:
    """Read it, uint8 (height, width); None where there is none.

    Raises:
        OSError, ValueError: when it cannot be read, or belongs to another picture.
    """
    try:
        data = read_plain(folder / MASK, MOST_BYTES)
    except FileNotFoundError:
        return None
    try:
        mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:  # nothing at all
        mask = None
    if mask is None or mask.shape != (info.height, info.width):
        raise ValueError(f"{MASK} is no mask of the picture")
    return np.asarray(mask, np.uint8)


def write_mask(folder: Path, mask: Mask) -> None:
    """Write it into a staged folder."""
    (folder / MASK).write_bytes(cv2.imencode(".png", mask)[1].tobytes())
