"""Pictures in the encoder's colours: I420, BT.601 in its limited range, as OpenCV converts and browsers assume.

An I420 picture is one uint8 array (height × 3/2, width): the luma plane, then both chroma planes (U, V) at half the
resolution, one after the other in memory. Both sides are even. It is half the bytes of BGR, and video encoders take it
as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media import I420, Image

BLACK_LUMA, WHITE_LUMA, GREY_CHROMA = 16, 235, 128
# ITU-R BT.601, 8 bits: Y of B, G and R over their full range; U and V of B, G, R and 1
LUMA = np.array((0.114, 0.587, 0.299), np.float32)
CHROMA = np.array([[0.439, -0.291, -0.148, GREY_CHROMA], [-0.071, -0.368, 0.439, GREY_CHROMA]], np.float32)


@dataclass(frozen=True, slots=True)
class Planes:
    """Views of one picture's planes: ``y`` uint8 (height, width), ``u`` and ``v`` uint8 (height / 2, width / 2)."""

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]


def from_bgr(image: Image) -> I420:
    """Convert uint8 (height, width, 3), BGR, of even sides. Each chroma pixel is the mean of its four."""
    picture = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
    # OpenCV takes the upper left one's chroma, which makes stairs of red lips' edges
    half = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
    planes = planes_of(picture)
    cv2.transform(half, CHROMA[:1], planes.u)
    cv2.transform(half, CHROMA[1:], planes.v)
    return picture


def to_bgr(picture: I420) -> Image:
    """Convert back: uint8 (height, width, 3), BGR."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420), np.uint8)


def size_of(picture: I420) -> tuple[int, int]:
    """Return width and height in pixels."""
    rows, width = picture.shape
    return width, rows * 2 // 3


def planes_of(picture: I420) -> Planes:
    """Return views of the planes; the picture must be contiguous."""
    width, height = size_of(picture)
    flat, luma, chroma = picture.reshape(-1), width * height, width * height // 4
    half = (height // 2, width // 2)
    return Planes(
        flat[:luma].reshape(height, width),
        flat[luma : luma + chroma].reshape(half),
        flat[luma + chroma :].reshape(half),
    )


def chromas_of(picture: I420) -> NDArray[np.uint8]:
    """Return a view of both chroma planes, uint8 (2, height / 2, width / 2)."""
    width, height = size_of(picture)
    return picture.reshape(-1)[width * height :].reshape(2, height // 2, width // 2)


def put(picture: I420, left: int, top: int, patch: I420) -> None:
    """Write a smaller picture into one, in place, its corner at even coordinates."""
    for plane, part, scale in zip(_each(picture), _each(patch), (1, 2, 2), strict=True):
        rows, columns = part.shape
        plane[top // scale : top // scale + rows, left // scale : left // scale + columns] = part


def _each(picture: I420) -> tuple[NDArray[np.uint8], ...]:
    planes = planes_of(picture)
    return planes.y, planes.u, planes.v


def plain(width: int, height: int, luma: int) -> I420:
    """Return a picture of one grey."""
    picture: I420 = np.full((height * 3 // 2, width), GREY_CHROMA, np.uint8)
    picture[:height] = luma
    return picture
