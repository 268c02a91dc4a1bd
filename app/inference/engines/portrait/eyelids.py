"""Eyelids that close: the upper lid's own skin and lashes are drawn down over the eye.

Coordinates are the eye's own, see :class:`EyeShape`. Only a rectangle around each eye is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.eyes import EyeOutline
from app.faces.mesh import LEFT_BROW, RIGHT_BROW
from app.i420 import LUMA
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.eye_shape import MIN_OPENING, EyeShape
from app.media import FloatArray, Image
from app.smoothstep import smoothstep

Plane = NDArray[np.float32]  # over the eye's rectangle

MIN_WIDTH_PX = 8.0  # of an eye that is worth closing
TURNED = 0.6  # of the wider eye's width, the other's at least: a head turned further would wink, so it does not blink
SPARE = 0.03  # below the outline, so that no white is left
SKIN = (0.25, 0.42)  # least and greatest height of the skin that stretches above the eye
BROW_SHARE = 0.65  # of the way up to the brow: the brow itself stays
UNFOLDED = 0.7  # how much of its new skin's colour a closed lid takes from the skin above
PLAIN = 0.5  # of that is one plain colour, as skin in a fold lies in its shadow
LIFT = 0.08  # of the opening, by which the lower lid comes up
CHEEK = 0.25  # below the eye, where that lift ends
AROUND = 0.10  # the rectangle's margin beyond all that
LASH = 0.030  # thickness of the lashes' line
LASH_SHARE = 0.6  # how much of that line is in the lashes' colour on a closed lid


@dataclass(frozen=True, slots=True)
class Eyelids:
    """One eye's tables, in widths of the eye."""

    area: Area
    width_px: float
    v: FloatArray  # (2,), towards the cheek
    y: Plane
    upper: Plane  # y of the upper lid's edge at each x, the eye being open
    opening: Plane  # from there to the lower lid; 0 beyond the corners
    skin: float  # height of what stretches
    grid: tuple[Plane, Plane]  # pixel positions in the picture
    skin_colour: FloatArray  # (3,), BGR, of the skin below the brow
    lashes: FloatArray  # (3,), BGR


def make_eyelids(image: Image, eyes: Sequence[EyeOutline], mesh: NDArray[np.float32]) -> list[Eyelids]:
    """Prepare the eyes of a picture (BGR) with its mesh (468, 2) for blinking: both, or none.

    One eye blinks alone only where the other is closed already, or outside the picture. ``eyes``: the person's right
    one first.
    """
    shapes = [EyeShape.of(eye, mesh[list(brow)]) for eye, brow in zip(eyes, (RIGHT_BROW, LEFT_BROW), strict=True)]
    seen = [shape for shape in shapes if not shape.is_outside(image.shape[1], image.shape[0])]
    widths = sorted(shape.width_px for shape in seen)
    if not seen or widths[0] < max(MIN_WIDTH_PX, TURNED * widths[-1]):
        return []
    made = [_prepared(image, shape) for shape in seen if not shape.is_closed]
    return [lids for lids in made if lids is not None] if None not in made else []


def _prepared(image: Image, eye: EyeShape) -> Eyelids | None:
    """Prepare one eye; None where the picture's edge cuts it off."""
    low = np.array([eye.x[0] - AROUND, eye.upper.min() - SKIN[1] - AROUND])
    high = np.array([eye.x[-1] + AROUND, eye.lower.max() + CHEEK + AROUND])
    box = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
    corners = eye.centre + box @ eye.axes.T * eye.width_px
    area = Area(*np.floor(corners.min(axis=0)).astype(int), *np.ceil(corners.max(axis=0)).astype(int) + 1)
    if area.within(Area(0, 0, image.shape[1], image.shape[0])) != area:
        return None
    py, px = np.mgrid[area.at].astype(np.float32)
    x, y = np.moveaxis((np.stack([px, py], axis=2) - eye.centre) @ eye.axes / eye.width_px, 2, 0)
    edge = np.interp(x, eye.x, _softened(eye.upper)).astype(np.float32)
    opening = _softened(np.where(eye.lower > eye.upper, eye.lower - eye.upper + SPARE, 0))
    skin, near = float(np.clip(BROW_SHARE * eye.brow_height, *SKIN)), max(0.06, 0.8 / eye.width_px)
    return Eyelids(
        area=area,
        width_px=eye.width_px,
        v=eye.axes[:, 1],
        y=y.astype(np.float32),
        upper=edge,
        opening=np.interp(x, eye.x, opening, 0, 0).astype(np.float32),
        skin=skin,
        grid=(px, py),
        skin_colour=_colour(image[area.at][(np.abs(x) < 0.3) & (np.abs(edge - y - 0.6 * skin) < near)], 50, 100),
        lashes=_colour(image[area.at][(np.abs(x) < 0.3) & (np.abs(edge - y) < near)], 0, 35),
    )


def close_eyelids(picture: Image, lids: Eyelids, closure: float) -> Image:
    """Return the eye's rectangle of ``picture`` (uint8, BGR) with the eye closed so far: 0 (as it was) … 1."""
    drop, lift = closure * (1 - LIFT) * lids.opening, closure * LIFT * lids.opening
    above = lids.upper + drop - lids.y
    height = np.clip(above / (lids.skin + drop), 0, 1)
    from_above = drop * (smoothstep(height) - 1)  # the edge goes down whole, the brow stays
    depth = np.clip((lids.y - lids.upper - lids.opening + lift) / CHEEK, 0, 1)
    from_below = np.where(depth > 0, lift * np.square(1 - depth), 0)
    lid, eye = _moved(picture, lids, from_above), _moved(picture, lids, from_below)
    within = np.clip(lids.opening / MIN_OPENING, 0, 1)  # fainter towards the corners
    skin = (1 - PLAIN) * _skin_above(lid, lids.width_px) + PLAIN * lids.skin_colour
    lid += (skin - lid) * (UNFOLDED * closure * within * _new_skin(height))[..., None]
    covered = np.clip(above * lids.width_px + 0.5, 0, 1) * (drop > 0)
    drawn = eye + (lid - eye) * covered[..., None]
    drawn += (lids.lashes - drawn) * (LASH_SHARE * closure * within * _lash_line(above, lids.width_px))[..., None]
    return np.asarray(np.clip(drawn + 0.5, 0, 255).astype(np.uint8))


def _moved(picture: Image, lids: Eyelids, offset: Plane) -> NDArray[np.float32]:
    shift = (offset * lids.width_px).astype(np.float32)
    px, py = lids.grid[0] + shift * lids.v[0], lids.grid[1] + shift * lids.v[1]
    return cv2.remap(picture, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)


def _new_skin(height: Plane) -> Plane:
    """Return 1 where skin comes out of its fold, 0 at the lashes and at the brow."""
    rise, fall = np.clip((height - 0.12) / 0.15, 0, 1), np.clip((0.85 - height) / 0.5, 0, 1)
    return np.asarray(rise * fall)


def _skin_above(lid: NDArray[np.float32], width_px: float) -> NDArray[np.float32]:
    """Return the mean colour of what lies above each pixel."""
    across, up = int(0.4 * width_px) | 1, max(1, int(0.18 * width_px))
    return np.asarray(cv2.blur(lid, (across, up), anchor=(-1, up - 1)), np.float32)


def _lash_line(above: Plane, width_px: float) -> Plane:
    """Return 1 along the lid's edge."""
    thickness = max(LASH, 0.8 / width_px)
    return np.asarray(np.exp(-np.square((above - 0.3 * thickness) / thickness)))


def _softened(values: FloatArray) -> FloatArray:
    window = np.hanning(15)[1:-1]
    return np.convolve(np.pad(values, 6, mode="edge"), window / window.sum(), "valid").astype(np.float32)


def _colour(pixels: NDArray[np.uint8], low: float, high: float) -> FloatArray:
    """Return the mean of those of (n, 3), BGR, whose luma lies between two percentiles: float32 (3,)."""
    luma = pixels @ LUMA
    chosen = (luma >= np.percentile(luma, low)) & (luma <= np.percentile(luma, high))
    return np.asarray(pixels[chosen].mean(axis=0), np.float32)
