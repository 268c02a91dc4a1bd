"""What an opened mouth shows: dark depth, upper and lower teeth, a tongue, in the picture's own light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media import FloatArray, Image

Plane = NDArray[Any]  # float32 over the moving rectangle

TEETH_BGR = np.array((218, 228, 235), np.float32)  # in full light
DEPTH_BGR = np.array((26, 16, 38), np.float32)
TONGUE_BGR = np.array((86, 76, 150), np.float32)
UPPER_TEETH, LOWER_TEETH = 0.125, 0.07  # heights in mouth widths
TOOTH_WIDTH = 0.105
FULL_LIGHT = 190.0  # luma of skin in full light


@dataclass(frozen=True, slots=True)
class MouthPaint:
    """A mouth's colours in one picture: float32 (3,), BGR, and the softness of its rim in pixels."""

    teeth: FloatArray
    depth: FloatArray
    tongue: FloatArray
    rim_px: float

    @classmethod
    def matched_to(
        cls, image: Image, mesh: NDArray[np.float32], outer_upper: list[int], outer_lower: list[int]
    ) -> MouthPaint:
        """Take the light from the skin around the lips, and the flesh's hue from the lips."""
        width = float(np.linalg.norm(mesh[outer_upper[0]] - mesh[outer_upper[-1]]))
        lips = _mean_inside(image, np.concatenate([mesh[outer_upper], mesh[outer_lower][::-1]]))
        around = _mean_inside(image, _grown(mesh[outer_upper + outer_lower], 1.5))
        light = float(np.clip(around @ np.array((0.114, 0.587, 0.299), np.float32) / FULL_LIGHT, 0.3, 1.05))
        tint = np.clip(around / max(float(around.mean()), 1.0), 0.7, 1.3) ** 0.35  # the picture's colour cast
        return cls(
            teeth=TEETH_BGR * light * tint.astype(np.float32),
            depth=DEPTH_BGR * light,
            tongue=(0.6 * TONGUE_BGR * light + 0.4 * lips * 0.75).astype(np.float32),
            rim_px=max(0.7, 0.011 * width),
        )


def paint_mouth(
    picture: Image,
    paint: MouthPaint,
    x: Plane,
    y: Plane,
    upper: Plane,
    lower: Plane,
    half: float,
    jaw: float,
) -> None:
    """Paint between the lips' inner edges ``upper`` and ``lower``, in place, only where they are apart.

    All arrays are float32 of the picture's shape, in mouth widths; ``x`` is where a pixel was at rest.
    """
    inside = ((y > upper) & (y < lower) & (np.abs(x) < half)).astype(np.float32)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows) or not len(columns):
        return
    border = int(4 * paint.rim_px) + 2
    at = (
        slice(max(0, rows[0] - border), rows[-1] + border + 1),
        slice(max(0, columns[0] - border), columns[-1] + border + 1),
    )
    cover = cv2.GaussianBlur(inside[at], (0, 0), paint.rim_px)[..., None]
    mouth = _interior(paint, x[at], y[at] - upper[at], lower[at] - y[at], jaw)
    blended = picture[at] * (1 - cover) + mouth * cover
    picture[at] = np.clip(blended, 0, 255).astype(np.uint8)


def _interior(paint: MouthPaint, x: Plane, under_lip: Plane, over_lip: Plane, jaw: float) -> Plane:
    """Colour every pixel by its distance from both lips: float32 (rows, columns, 3)."""
    opening = np.clip(jaw / 0.12, 0, 1)
    mouth: Plane = np.broadcast_to(paint.depth, (*x.shape, 3)).astype(np.float32)
    tongue = _step(0.20 - over_lip, 0.10) * _step(0.34 - np.abs(x), 0.14) * np.clip((jaw - 0.08) / 0.15, 0, 1)
    mouth = _over(mouth, paint.tongue * (0.75 + 0.25 * _step(0.1 - np.abs(x), 0.1))[..., None], tongue)
    arch = 1 - 0.5 * np.square(x / 0.45)  # the row of teeth curves back into the dark
    gap = np.abs(np.mod(x / TOOTH_WIDTH, 1.0) - 0.5) * 2
    grain = 1 - 0.07 * _step(gap - 0.86, 0.14)
    shade = np.clip(arch, 0.15, 1) * grain
    low = _step(LOWER_TEETH * arch - over_lip, 0.02) * _step(0.30 - np.abs(x), 0.06) * np.clip((jaw - 0.10) / 0.1, 0, 1)
    mouth = _over(mouth, paint.teeth * (0.72 * shade)[..., None], low)
    lit = shade * np.clip(0.68 + under_lip / 0.10, 0, 1)  # the upper lip casts a shadow
    edge = UPPER_TEETH * (0.75 + 0.25 * arch) - 0.012 * _step(gap - 0.8, 0.2)
    high = _step(edge - under_lip, 0.018) * _step(0.42 - np.abs(x), 0.06) * opening
    return _over(mouth, paint.teeth * lit[..., None], high)


def _step(value: Plane, width: float) -> Plane:
    return np.asarray(np.clip(value / width, 0, 1))


def _over(below: Plane, above: Plane, cover: Plane) -> Plane:
    return np.asarray(below + (above - below) * cover[..., None])


def _mean_inside(image: Image, outline: NDArray[np.float32]) -> FloatArray:
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(outline.astype(np.int32)), 255)
    return np.array(cv2.mean(image, mask)[:3], np.float32)


def _grown(points: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    middle = points.mean(axis=0)
    return np.asarray(middle + (points - middle) * factor, np.float32)
