"""Where an iris is in its picture, and whether it can be moved there: a dark disc in an even white."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.i420 import LUMA
from app.inference.engines.portrait.eyelids import SPARE, Eyelids
from app.media import Image

Numbers = NDArray[Any]

# what a picture must show before its eyes are moved
MIN_WIDTH_PX = 14.0  # of an eye: in a smaller one nobody sees it
DIAMETER = (0.24, 0.62)  # of an iris, in widths of the eye
BESIDE = 0.10  # of the eye's width, from the iris's middle to the eye's, at most: a glance aside already
DARKER = 0.80  # of the white's light, that an iris leaves at most
RIM_DARKER = 0.90  # of the light just outside its rim, that an iris has at most just within
WHITE_LIT = 0.50  # of the skin's light, that the white has at least
BRIGHTEST = 1.40  # of the white's light, that some of it has at most: else there are reflections in it
LEAST_WHITE = 0.006  # of the eye's width, squared: white on either side
PLAIN = 1.28  # of the radius, from where on there is white alone
LEVEL = math.radians(40)  # of a rim, from its right and left ends, where lids leave it free
BALL = 12.0 / 11.7  # radius of an eyeball in diameters of an iris, millimetres of adults


@dataclass(frozen=True, slots=True)
class Iris:
    """Where an iris is in its picture, pixels."""

    x: float
    y: float
    radius: float

    @property
    def px_a_radian(self) -> float:
        """How far it moves, straight ahead."""
        return 2 * self.radius * BALL


def find_iris(image: Image, lids: Eyelids) -> Iris | None:
    """Return where an eye's iris is; None where the picture does not show it well enough to move it."""
    eye = lids.eye
    if lids.iris is None or eye.width_px < MIN_WIDTH_PX:
        return None
    middle, rim = lids.iris[0], lids.iris[1:]
    radius = float(np.linalg.norm(rim[[0, 2]] - middle, axis=1).mean())
    x, _ = eye.at(middle[None])
    if not DIAMETER[0] < 2 * radius / eye.width_px < DIAMETER[1] or abs(float(x[0])) > BESIDE + 0.02:
        return None
    found = Iris(float(middle[0]), float(middle[1]), radius)
    luma = np.asarray(image[lids.area.at] @ LUMA, np.float32)
    found = _fitted(luma, lids, found)
    return found if _is_round(luma, lids, found, _within(lids), _away(lids, found)) else None


def _fitted(luma: Numbers, lids: Eyelids, guess: Iris) -> Iris:
    """Move the rim to where the picture passes half way from the iris to the white, to its right and to its left."""
    px, py = np.meshgrid(np.arange(lids.area.left, lids.area.right), np.arange(lids.area.top, lids.area.bottom))
    across, down = lids.eye.at(np.stack([px, py], axis=-1).astype(np.float32))
    x, y = (float(value[0]) for value in lids.eye.at(np.array([[guess.x, guess.y]], np.float32)))
    away, free = _away(lids, guess), _within(lids) > 0.05
    rims = []
    for side in (-1, 1):
        sector = free & (np.abs(np.arctan2(down - y, side * (across - x))) < LEVEL)
        rims.append(_halfway(luma[sector], away[sector]))
    right, left = rims
    if right is None or left is None:
        return guess
    shift = (left - right) / 2 * guess.radius * lids.eye.axes[:, 0]
    return Iris(guess.x + float(shift[0]), guess.y + float(shift[1]), guess.radius * (left + right) / 2)


def _halfway(luma: Numbers, away: Numbers) -> float | None:
    """Return at how many radii luma passes half way from what is inside to what is outside."""
    steps = np.arange(0.60, 1.56, 0.06)
    profile = [luma[np.abs(away - at) < 0.07] for at in steps]
    if any(len(ring) < 2 for ring in profile[:14]):
        return None
    values = np.array([float(np.median(ring)) if len(ring) else np.nan for ring in profile])
    dark, light = float(np.median(values[:5])), float(np.nanmax(values[7:]))
    beyond = np.flatnonzero(values > (dark + light) / 2)
    beyond = beyond[beyond > 2]
    return float(steps[beyond[0]] - 0.03) if len(beyond) and light > dark else None


def _is_round(luma: Numbers, lids: Eyelids, iris: Iris, within: Numbers, away: Numbers) -> bool:
    """Judge whether a dark disc lies in an even white."""
    px, _ = np.meshgrid(np.arange(lids.area.left, lids.area.right), np.arange(lids.area.top, lids.area.bottom))
    inside = (within > 0.06) & (away < 0.85)
    white = (within > 0.07) & (away > PLAIN)
    sides = [white & (px < iris.x), white & (px > iris.x)]
    least = max(3.0, LEAST_WHITE * lids.eye.width_px**2)
    if min(int(side.sum()) for side in sides) < least or inside.sum() < 2 * least:
        return False
    light = min(float(np.median(luma[side])) for side in sides)
    skin = float(lids.skin_colour @ LUMA)
    dark = float(np.median(luma[inside]))
    if dark > DARKER * light or light < WHITE_LIT * skin:
        return False
    bright = max(float(np.percentile(luma[side], 96)) / float(np.median(luma[side])) for side in sides)
    return bright < BRIGHTEST and all(_darker_inside(luma, within, away, half) for half in (px < iris.x, px >= iris.x))


def _darker_inside(luma: Numbers, within: Numbers, away: Numbers, half: NDArray[np.bool_]) -> bool:
    """Say whether one half of a rim is darker inside than outside."""
    inner, outer = (luma[half & (within > 0.06) & (np.abs(away - at) < 0.12)] for at in (0.85, 1.25))
    return len(inner) > 0 and len(outer) > 0 and float(np.median(inner)) < RIM_DARKER * float(np.median(outer))


def _within(lids: Eyelids) -> Numbers:
    """Return how far each pixel of the area lies within the opening, in widths of the eye; negative outside."""
    x, y = lids.eye.places(lids.area)
    upper = np.interp(x, lids.eye.x, lids.upper)
    opening = np.interp(x, lids.eye.x, lids.opening, 0, 0)
    return np.asarray(np.minimum(y - upper, upper + opening - SPARE - y), np.float32)


def _away(lids: Eyelids, iris: Iris) -> Numbers:
    px, py = np.meshgrid(np.arange(lids.area.left, lids.area.right), np.arange(lids.area.top, lids.area.bottom))
    return np.asarray(np.hypot(px - iris.x, py - iris.y) / iris.radius, np.float32)
