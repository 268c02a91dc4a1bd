"""What an opened mouth shows: the colours of teeth, tongue and dark depth in the picture's own light, and its grain.

The upper teeth stand still with the skull and the lower ones go with the jaw, as lips pass over both. A portrait that
shows its own teeth keeps them. ``paint.py`` paints them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import OUTER_LOWER, OUTER_UPPER
from app.i420 import CHROMA, LUMA
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.geometry import Lips, MouthFrame
from app.media import FloatArray, Image

Plane = NDArray[Any]  # float32 over the moving rectangle

TEETH_BGR = np.array((206, 220, 230), np.float32)  # in full light
DEPTH_BGR = np.array((28, 20, 44), np.float32)
TONGUE_BGR = np.array((92, 84, 164), np.float32)
VIDEO = 219 / 255  # of a luma's range, in the encoder's colours
FULL_LIGHT = 185.0  # luma of skin in full light
GRAIN = 0.7  # of the picture's own, over the paint


@dataclass(frozen=True, slots=True)
class Interior:
    """A mouth's colours in one picture. ``colours``: float32 (3, 3): teeth, depth and tongue, in Y, U and V without
    their offsets. ``rim_px``: its edges' softness. ``grain``: the picture's own fine texture over the moving rectangle,
    float32, of Y. ``own``: how much of the picture's own open mouth shows at each pixel; (1, 1) where it is closed.
    """

    colours: FloatArray
    rim_px: float
    grain: Plane
    own: Plane

    @classmethod
    def matched_to(cls, image: Image, mesh: NDArray[np.float32], frame: MouthFrame, lips: Lips, area: Area) -> Interior:
        """Take the light from the skin around the lips, the flesh's hue from the lips, the softness from the edges."""
        outline = mesh[[*OUTER_UPPER, *OUTER_LOWER[::-1]]]
        around = _mean_inside(image, _grown(outline, 1.6))
        flesh = _mean_inside(image, outline)
        light = float(np.clip(around @ LUMA / FULL_LIGHT, 0.22, 1.08))
        cast = np.clip(around / max(float(around @ LUMA), 1.0), 0.6, 1.4) ** 0.40  # the picture's colour cast
        picture = image[area.at]
        sharp = _sharpness(picture)
        own = _own_mouth(mesh, frame, lips, area) if lips.apart else np.zeros((1, 1), np.float32)
        teeth = (TEETH_BGR * light * cast).astype(np.float32)
        if lips.apart:
            teeth = teeth + lips.apart * (_own_teeth(picture, own, teeth) - teeth)
        tongue = 0.55 * TONGUE_BGR * light * cast + 0.45 * flesh * 0.8
        return cls(
            colours=np.stack([_in_yuv(colour) for colour in (teeth, DEPTH_BGR * light, tongue)]),
            rim_px=max(0.8, (0.010 + 0.022 * (1 - sharp)) * frame.width_px),
            grain=np.asarray(GRAIN * VIDEO * _grain(picture), np.float32),
            own=np.asarray(own, np.float32),
        )


def _in_yuv(colour: FloatArray) -> FloatArray:
    """Convert float32 (3,), BGR, into Y, U and V without their offsets."""
    return np.array([VIDEO * (colour @ LUMA), *(CHROMA[:, :3] @ colour)], np.float32)


def _own_mouth(mesh: NDArray[np.float32], frame: MouthFrame, lips: Lips, area: Area) -> Plane:
    """Return 1 inside the lips of a mouth that is open in the picture, softly 0 at their edges."""
    mask = np.zeros((area.bottom - area.top, area.right - area.left), np.uint8)
    x = np.linspace(lips.right, lips.left, 48, dtype=np.float32)
    edge = np.concatenate([np.stack([x, lips.upper.at(x)], 1), np.stack([x, lips.lower.at(x)], 1)[::-1]])
    cv2.fillPoly(mask, [np.round(frame.to_pixels(edge) - (area.left, area.top)).astype(np.int32)], 255)
    within: Any = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    return lips.apart * _step(within / frame.width_px, 0.025)


def _own_teeth(picture: Image, own: Plane, guess: FloatArray) -> FloatArray:
    """Take the teeth's colour from a mouth that shows some."""
    seen = picture[own > 0.3 * float(own.max())].astype(np.float32)
    if len(seen) < 8:
        return guess
    luma = seen @ LUMA
    bright = seen[luma >= np.percentile(luma, 85)].mean(axis=0)
    sure = float(np.clip((bright @ LUMA) / (guess @ LUMA) / 0.2 - 2.5, 0, 1))  # from half as bright as they should be
    return np.asarray(guess + (bright - guess) * sure, np.float32)


def _sharpness(picture: Image) -> float:
    """Return how much of the fine detail that a sharp picture has is there, 0…1."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    fine, broad = (np.percentile(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), sigma)), 97) for sigma in (1.0, 4.0))
    return float(np.clip(fine / max(float(broad), 1.0) * 2.2, 0, 1))


def _grain(picture: Image) -> Plane:
    """Return the picture's finest texture, from the cheek's skin, as it lies; strong lines are cut off."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1.5)
    limit = max(2.0 * float(np.median(np.abs(fine))), 0.5)
    return np.asarray(np.clip(fine, -limit, limit), np.float32)


def _step(value: Plane, width: float) -> Plane:
    return np.asarray(np.clip(value / width, 0, 1))


def _mean_inside(image: Image, outline: NDArray[np.float32]) -> FloatArray:
    left, top, width, height = cv2.boundingRect(outline.astype(np.int32))
    left, top = (int(np.clip(at, 0, size - 1)) for at, size in ((left, image.shape[1]), (top, image.shape[0])))
    part = image[top : top + height, left : left + width]
    mask = np.zeros(part.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(outline - (left, top)).astype(np.int32)), 255)
    return np.array(cv2.mean(part, mask)[:3], np.float32)


def _grown(points: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    middle = points.mean(axis=0)
    return np.asarray(middle + (points - middle) * factor, np.float32)
