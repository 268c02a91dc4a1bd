"""Eyelids: where an eye's lids lie, and the colours of the lid's skin and lashes when it comes down.

Coordinates are the eye's own, see :class:`EyeShape`. ``eye_pixels`` draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.faces.eyes import EyeOutline
from app.faces.mesh import BARE_SKIN, CHEEKS, LEFT_BROW, RIGHT_BROW
from app.i420 import LUMA
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.eye_shape import EyeShape
from app.media import FloatArray, Image

MIN_WIDTH_PX = 8.0  # of an eye that is worth closing
TURNED = 0.6  # of the wider eye's width, the other's at least: a head turned further would wink, so it does not blink
LEAST_LIT = 0.38  # of the face's light, what stretches over an eye: what is darker is a pupil, hair or a mask
LID_LIT = 0.8  # of its cheek's light, a lid that is down: the skin above an eye may lie in the brow's shadow
MOST_LIT = 1.8  # times its own light, at most: skin so dark is painted
CHEEK_PATCH = 0.15  # widths of the eye around the cheek's middle, whose light is taken
SPARE = 0.03  # below the outline, so that no white is left
SKIN = (0.25, 0.42)  # least and greatest height of the skin that stretches above the eye
BROW_SHARE = 0.65  # of the way up to the brow: the brow itself stays
CHEEK = 0.25  # below the eye, where the lower lid's movement ends
AROUND = 0.05  # the rectangle's margin beyond all that


@dataclass(frozen=True, slots=True)
class Eyelids:
    """One eye, in widths of the eye."""

    eye: EyeShape
    iris: NDArray[np.float32] | None  # (5, 2), see EyeOutline
    area: Area
    upper: FloatArray  # y of the upper lid's edge over ``eye.x``, the eye being open
    opening: FloatArray  # from there to the lower lid; 0 beyond the corners
    skin: float  # height of what stretches
    skin_colour: FloatArray  # (3,), BGR, of the skin below the brow
    lashes: FloatArray  # (3,), BGR
    relit: float  # times its own light, 1 or more: the skin that comes down out of the brow's shadow


def make_eyelids(image: Image, eyes: Sequence[EyeOutline], mesh: NDArray[np.float32]) -> list[Eyelids]:
    """Prepare the eyes of a picture (BGR) with its mesh (468, 2) for blinking: both, or none.

    One eye blinks alone only where the other is closed already, or outside the picture. ``eyes``: the person's right
    one first. None as well where what would come down as a lid is no skin.
    """
    shapes = [EyeShape.of(eye, mesh[list(brow)]) for eye, brow in zip(eyes, (RIGHT_BROW, LEFT_BROW), strict=True)]
    width, height = image.shape[1], image.shape[0]
    parts = zip(shapes, eyes, mesh[list(CHEEKS)], strict=True)
    seen = [(shape, eye.iris, cheek) for shape, eye, cheek in parts if not shape.is_outside(width, height)]
    widths = sorted(shape.width_px for shape, _, _ in seen)
    if not seen or widths[0] < max(MIN_WIDTH_PX, TURNED * widths[-1]):
        return []
    made = [_prepared(image, *each) for each in seen if not each[0].is_closed]
    least = LEAST_LIT * _light(image, mesh)
    found = [lids for lids in made if lids is not None and float(lids.skin_colour @ LUMA) > least]
    return found if len(found) == len(made) else []


def _prepared(
    image: Image, eye: EyeShape, iris: NDArray[np.float32] | None, cheek: NDArray[np.float32]
) -> Eyelids | None:
    """Prepare one eye, with the middle of its cheek, (2,), pixels; None where the picture's edge cuts it off."""
    skin, near = float(np.clip(BROW_SHARE * eye.brow_height, *SKIN)), max(0.06, 0.8 / eye.width_px)
    low = np.array([eye.x[0] - AROUND, eye.upper.min() - skin - AROUND])
    high = np.array([eye.x[-1] + AROUND, eye.lower.max() + CHEEK + AROUND])
    box = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
    corners = eye.centre + box @ eye.axes.T * eye.width_px
    area = Area(*np.floor(corners.min(axis=0)).astype(int), *np.ceil(corners.max(axis=0)).astype(int) + 1)
    if area.within(Area(0, 0, image.shape[1], image.shape[0])) != area:
        return None
    x, y = eye.places(area)
    upper = _softened(eye.upper)
    edge = np.interp(x, eye.x, upper).astype(np.float32)
    skin_colour = _colour(image[area.at][(np.abs(x) < 0.3) & (np.abs(edge - y - 0.6 * skin) < near)], 50, 100)
    return Eyelids(
        eye=eye,
        iris=iris,
        area=area,
        upper=upper,
        opening=_softened(np.where(eye.lower > eye.upper, eye.lower - eye.upper + SPARE, 0)),
        skin=skin,
        skin_colour=skin_colour,
        lashes=_colour(image[area.at][(np.abs(x) < 0.3) & (np.abs(edge - y) < near)], 0, 35),
        relit=_relit(skin_colour, image, cheek, CHEEK_PATCH * eye.width_px),
    )


def _light(image: Image, mesh: NDArray[np.float32]) -> float:
    """Return the light of the darkest skin that is bare in most pictures."""
    x, y = (np.clip(mesh[list(BARE_SKIN), axis], 0, image.shape[1 - axis] - 1).astype(int) for axis in (0, 1))
    return float((image[y, x] @ LUMA).min())


def _relit(skin_colour: FloatArray, image: Image, cheek: NDArray[np.float32], reach_px: float) -> float:
    """Return by how much a lid's skin becomes lighter as it comes down."""
    (left, top), (right, bottom) = (np.rint(cheek + way * max(1.0, reach_px)).astype(int) for way in (-1, 1))
    patch = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if not patch.size:
        return 1.0
    light = float(np.median(patch @ LUMA))
    return float(np.clip(LID_LIT * light / max(1.0, float(skin_colour @ LUMA)), 1.0, MOST_LIT))


def _softened(values: FloatArray) -> FloatArray:
    window = np.hanning(15)[1:-1]
    return np.convolve(np.pad(values, 6, mode="edge"), window / window.sum(), "valid").astype(np.float32)


def _colour(pixels: NDArray[np.uint8], low: float, high: float) -> FloatArray:
    """Return the mean of those of (n, 3), BGR, whose luma lies between two percentiles: float32 (3,)."""
    luma = pixels @ LUMA
    chosen = (luma >= np.percentile(luma, low)) & (luma <= np.percentile(luma, high))
    return np.asarray(pixels[chosen].mean(axis=0), np.float32)
