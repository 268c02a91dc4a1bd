"""An eye's ball: the white as it would be without the iris, and the iris as what it takes from that light.

So the iris can be moved over the white: a place's luma is the white's times what the iris leaves of it there. What lids
hide of the iris is filled in as it is elsewhere at the same distance from the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.i420 import BLACK_LUMA
from app.inference.engines.portrait.eyelids import SPARE, Eyelids
from app.inference.engines.portrait.iris import PLAIN, Iris

Numbers = NDArray[Any]

RIM = (1.06, 1.30)  # of the radius, over which the iris ends
HIDDEN_PX, HIDDEN = 1.0, 0.035  # from a lid's edge on: lashes and their shadow stay with the lid


@dataclass(frozen=True, slots=True)
class Eyeball:
    """Tables over ``area`` at twice its resolution: float32 (2 × height, 2 × width), and (2, height, width) of chroma.

    ``white``: the luma without the iris, above black. ``taken``: how much the iris changes it, −1…, of it; 0 outside.
    ``tint``: what it adds to U and V.
    """

    iris: Iris
    white: Numbers
    taken: Numbers
    tint: Numbers


def eyeball_of(planes: Sequence[NDArray[np.uint8]], lids: Eyelids, iris: Iris) -> Eyeball:
    """Take an eye apart. ``planes``: Y, U and V over its area, each doubled."""
    luma = planes[0].astype(np.float32) - BLACK_LUMA
    x, y = _places(lids, luma.shape, 0.5, 0.0)
    whole, away = _apart(lids, iris, x, y)
    white = _fitted_white(luma, lids, x, y, whole, away)
    taken = _filled((luma - white) / np.maximum(white, 8.0), whole, away) * _disc(away)
    chromas = []
    for plane in planes[1:]:
        chroma = plane.astype(np.float32)
        cx, cy = _places(lids, chroma.shape, 1.0, 0.5)
        seen, far = _apart(lids, iris, cx, cy)
        plain = _fitted_white(chroma, lids, cx, cy, seen, far)
        chromas.append(_filled(chroma - plain, seen, far) * _disc(far))
    return Eyeball(iris, white, taken, np.stack(chromas))


def _places(lids: Eyelids, shape: tuple[int, ...], step: float, first: float) -> tuple[Numbers, Numbers]:
    """Return the pixels' places in the picture, of a plane whose steps are so many of its pixels."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    left, top = lids.area.left & ~1, lids.area.top & ~1
    return left + first + step * columns, top + first + step * rows


def _apart(lids: Eyelids, iris: Iris, px: Numbers, py: Numbers) -> tuple[Numbers, Numbers]:
    """Return how far a place lies from the lids' edges, 0…1: hidden … free; and from the iris's middle, in radii."""
    x, y = lids.eye.at(np.stack([px, py], axis=-1))
    upper = np.interp(x, lids.eye.x, lids.upper)
    opening = np.interp(x, lids.eye.x, lids.opening, 0, 0)
    soft = max(HIDDEN, HIDDEN_PX / lids.eye.width_px)
    free = np.minimum(y - upper - 0.5 * soft, upper + opening - SPARE - y) / soft
    return (
        np.clip(free, 0, 1).astype(np.float32),
        (np.hypot(px - iris.x, py - iris.y) / iris.radius).astype(np.float32),
    )


def _fitted_white(values: Numbers, lids: Eyelids, px: Numbers, py: Numbers, whole: Numbers, away: Numbers) -> Numbers:
    """Return what the white would be everywhere: smooth through what is seen of it."""
    x, y = lids.eye.at(np.stack([px, py], axis=-1))
    terms = np.stack([np.ones_like(x), x, x * x, y, x * y], axis=-1)
    seen = (whole > 0.9) & (away > PLAIN)
    if seen.sum() < 12:
        return np.full_like(values, float(np.median(values[whole > 0])) if (whole > 0).any() else 128.0)
    scale = np.array([1, 2, 6, 4, 8], np.float32)  # the higher a term, the less it is trusted
    matrix = terms[seen]
    fit = np.linalg.solve(matrix.T @ matrix + 0.01 * seen.sum() * np.diag((scale - 1) / 10), matrix.T @ values[seen])
    low, high = np.percentile(values[seen], (4, 96))
    return np.asarray(np.clip(terms @ fit, low, high), np.float32)


def _filled(values: Numbers, whole: Numbers, away: Numbers) -> Numbers:
    """Fill what lids hide with the median at the same distance from the middle."""
    steps = np.minimum((away * 8).astype(int), 11)
    profile = np.zeros(13, np.float32)
    for k in range(12):
        ring = (steps == k) & (whole > 0.9)
        profile[k] = np.median(values[ring]) if ring.any() else profile[k - 1]
    profile[12] = profile[11]
    known = np.interp(away, (np.arange(13) + 0.5) / 8, profile)
    return np.asarray(values * whole + known * (1 - whole), np.float32)


def _disc(away: Numbers) -> Numbers:
    t = np.clip((RIM[1] - away) / (RIM[1] - RIM[0]), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
