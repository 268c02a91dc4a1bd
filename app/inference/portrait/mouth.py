"""What an opened mouth shows: teeth, tongue and dark depth, in the picture's own light, colour, sharpness and grain.

The upper teeth stand still with the skull and the lower ones go with the jaw, as lips pass over both. A portrait that
shows its own teeth keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.portrait.geometry import OUTER_LOWER, OUTER_UPPER, Lips, MouthFrame
from app.inference.portrait.shape import MouthShape
from app.media import FloatArray, Image

Plane = NDArray[Any]  # float32 over the moving rectangle, or a part of it

TEETH_BGR = np.array((206, 220, 230), np.float32)  # in full light
DEPTH_BGR = np.array((28, 20, 44), np.float32)
TONGUE_BGR = np.array((92, 84, 164), np.float32)
LUMA = np.array((0.114, 0.587, 0.299), np.float32)
FULL_LIGHT = 185.0  # luma of skin in full light
UPPER_EDGE = 0.060  # of the upper teeth, below the line where the lips meet; mouth widths
TOOTH_WIDTH = 0.098
JAW_FALL = 0.27  # of the lower teeth, by an open jaw
RECEDE = 0.5  # of the teeth's light, lost in a rounded mouth
ROW = 0.45  # half the width over which teeth are seen


@dataclass(frozen=True, slots=True)
class Opening:
    """Where the lips' inner edges are. Planes in mouth widths: ``source_x`` is where each pixel was at rest,
    ``along`` −1…1 between the corners, ``seam`` where the lips meet when closed.
    """

    source_x: Plane
    y: Plane
    along: Plane
    upper: Plane
    lower: Plane
    seam: Plane


@dataclass(frozen=True, slots=True)
class Interior:
    """A mouth's colours in one picture: float32 (3,), BGR. ``rim_px``: its edges' softness. ``grain``: the picture's
    own fine texture over the moving rectangle, float32. ``own``: how much of the picture's own open mouth shows at
    each pixel, None where it is closed; ``picture``: the rectangle of the picture.
    """

    teeth: FloatArray
    depth: FloatArray
    tongue: FloatArray
    rim_px: float
    width_px: float
    grain: Plane
    own: Plane | None
    picture: Image

    @classmethod
    def matched_to(
        cls,
        image: Image,
        mesh: NDArray[np.float32],
        frame: MouthFrame,
        lips: Lips,
        rectangle: tuple[int, int, int, int],
    ) -> Interior:
        """Take the light from the skin around the lips, the flesh's hue from the lips, the softness from the edges."""
        outline = mesh[[*OUTER_UPPER, *OUTER_LOWER[::-1]]]
        around = _mean_inside(image, _grown(outline, 1.6))
        flesh = _mean_inside(image, outline)
        light = float(np.clip(around @ LUMA / FULL_LIGHT, 0.22, 1.08))
        cast = np.clip(around / max(float(around @ LUMA), 1.0), 0.6, 1.4) ** 0.40  # the picture's colour cast
        left, top, right, bottom = rectangle
        picture = image[top:bottom, left:right]
        sharp = _sharpness(picture)
        own = _own_mouth(mesh, frame, lips, rectangle) if lips.apart else None
        teeth = (TEETH_BGR * light * cast).astype(np.float32)
        return cls(
            teeth=teeth + lips.apart * (_own_teeth(picture, own, teeth) - teeth) if own is not None else teeth,
            depth=(DEPTH_BGR * light).astype(np.float32),
            tongue=(0.55 * TONGUE_BGR * light * cast + 0.45 * flesh * 0.8).astype(np.float32),
            rim_px=max(0.8, (0.010 + 0.022 * (1 - sharp)) * frame.width_px),
            width_px=frame.width_px,
            grain=_grain(picture),
            own=own,
            picture=picture,
        )


def paint_mouth(picture: Image, interior: Interior, opening: Opening, shape: MouthShape) -> None:
    """Paint between the lips' inner edges, in place, only where they are apart: uint8 (rows, columns, 3)."""
    soft = interior.rim_px / interior.width_px
    gap = opening.lower - opening.upper
    inside = (gap > 1e-4) & (opening.y > opening.upper - 2 * soft) & (opening.y < opening.lower + 2 * soft)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows) or not len(columns):
        return
    at = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    under_lip, over_lip = (opening.y - opening.upper)[at], (opening.lower - opening.y)[at]
    cover = _step(under_lip + soft / 2, soft) * _step(over_lip + soft / 2, soft) * _step(gap[at], 1.6 * soft)
    cover *= _step(1.02 - np.abs(opening.along[at]), 0.04)
    part = Opening(*(getattr(opening, name)[at] for name in Opening.__slots__))
    mouth = _interior(interior, part, under_lip, over_lip, shape) + 0.7 * interior.grain[at][..., None]
    if interior.own is not None:
        own = interior.own[at]
        mouth = _over(
            mouth, interior.picture[at].astype(np.float32), own + (1 - own) * max(0.0, 1 - 2 * shape.speaking)
        )
    here = picture[at]
    picture[at] = np.clip(here + (mouth - here) * cover[..., None] + 0.5, 0, 255).astype(np.uint8)


def _interior(interior: Interior, opening: Opening, under_lip: Plane, over_lip: Plane, shape: MouthShape) -> Plane:
    """Colour every pixel by where it lies between the skull's teeth and the jaw's: float32 (rows, columns, 3)."""
    x, y = opening.source_x, opening.y - opening.seam
    curve = np.square(np.clip(x / ROW, -1, 1))  # the rows bend back into the dark, and up at the sides
    fall = JAW_FALL * shape.jaw
    upper_edge = UPPER_EDGE - 0.045 * curve - 0.009 * _between_teeth(x)
    lower_edge = UPPER_EDGE - 0.012 + fall - 0.03 * curve + 0.006 * _between_teeth(x * 1.25)
    depth = interior.depth * (1.25 - 0.5 * _step(np.minimum(under_lip, over_lip), 0.08))[..., None]
    mouth = np.asarray(depth, np.float32)
    mouth = _over(mouth, *_tongue(interior, opening, over_lip, lower_edge - y, shape))
    crown = _step(ROW - np.abs(x), 0.15)
    recede = 1 - RECEDE * shape.rounding  # behind lips that come forward
    side = np.clip(1 - 0.62 * curve, 0.2, 1)
    lower = _step(y - lower_edge, 0.014) * crown * 0.95
    light = side * (0.62 + 0.13 * _step(over_lip, 0.05)) * (1 - 0.18 * _between_teeth(x * 1.25))
    mouth = _over(mouth, interior.teeth * (recede * light)[..., None], lower)
    upper = _step(upper_edge - y, 0.014) * crown
    light = side * (0.66 + 0.34 * _step(under_lip - 0.004, 0.055)) * (1 - 0.17 * _between_teeth(x))
    return _over(mouth, interior.teeth * (recede * light)[..., None], upper)


def _tongue(
    interior: Interior, opening: Opening, over_lip: Plane, above_lower_teeth: Plane, shape: MouthShape
) -> tuple[Plane, Plane]:
    """Return its colour, and where it is: low and flat, its tip raised behind the upper teeth."""
    x = opening.source_x / 0.36
    height = (0.06 + 0.12 * shape.tongue + 0.09 * shape.jaw) * np.clip(1 - np.square(x), 0, 1)
    cover = _step(height - above_lower_teeth, 0.035) * _step(1 - np.abs(x), 0.3)
    lit = 0.62 + 0.38 * _step(height - above_lower_teeth, 0.12) - 0.10 * np.exp(-np.square(x / 0.10))
    return interior.tongue * lit[..., None], cover * min(1.0, 4 * shape.opening)


def _between_teeth(x: Plane) -> Plane:
    """Return 1 in the gap between two teeth, 0 within one; the front ones are the widest."""
    place = np.abs(x) / TOOTH_WIDTH
    place = place + 0.07 * np.square(place)
    return _step(np.abs(np.mod(place, 1.0) - 0.5) * 2 - 0.78, 0.22)


def _own_mouth(mesh: NDArray[np.float32], frame: MouthFrame, lips: Lips, rectangle: tuple[int, int, int, int]) -> Plane:
    """Return 1 inside the lips of a mouth that is open in the picture, softly 0 at their edges."""
    left, top, right, bottom = rectangle
    mask = np.zeros((bottom - top, right - left), np.uint8)
    x = np.linspace(lips.right, lips.left, 48, dtype=np.float32)
    edge = np.concatenate([np.stack([x, lips.upper.at(x)], 1), np.stack([x, lips.lower.at(x)], 1)[::-1]])
    cv2.fillPoly(mask, [np.round(frame.to_pixels(edge) - (left, top)).astype(np.int32)], 255)
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


def _over(below: Plane, above: Plane, cover: Plane) -> Plane:
    return np.asarray(below + (above - below) * cover[..., None])


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
