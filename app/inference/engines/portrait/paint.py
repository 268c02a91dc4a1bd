"""Painting what shows between the lips: each place by where it lies between the skull's teeth and the jaw's.

The upper teeth stand still with the skull and the lower ones go with the jaw, as lips pass over both. Lengths are in
mouth widths, see ``geometry``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from app.inference.engines.portrait.compiled import Real, compiled
from app.media import FloatArray

ROW = 0.45  # half the width over which teeth are seen
UPPER_EDGE = 0.060  # of the upper teeth, below the line where the lips meet
TOOTH_WIDTH = 0.098
TOOTH_EDGE, TOOTH_EDGE_PX = 0.014, 0.8  # softness; the larger, as small teeth would make stairs
JAW_FALL = 0.27  # of the lower teeth, by an open jaw
RECEDE = 0.5  # of the teeth's light, lost in a rounded mouth
ARCH = 0.55  # of the lips' arch is a half circle, the rest a parabola
CORNER_REACH, CORNER_FAR = 0.18, 1.6  # of the corners' drop, and where there is nothing left of it
CURVE_FROM, CURVE_TO = -0.8, 0.8  # x of the first and the last value of a curve that is given as an array

ZERO, ONE = np.float32(0), np.float32(1)


class Parting(NamedTuple):
    """How lips part: ``up`` and ``down``: of their middles; ``drop``: of the corners.

    ``speaking``: how far they have come from where they are in the picture. ``jaw``, ``rounding``, ``tongue``,
    ``opening``: the shape's.
    """

    up: float
    down: float
    drop: float
    speaking: float
    jaw: float
    rounding: float
    tongue: float
    opening: float


@compiled
def inner_edges(along: Real, seam: Real, upper: Real, lower: Real, parting: Parting) -> tuple[Real, Real]:
    """Return y of the lips' inner edges, at ``along`` −1…1 between the corners.

    ``seam``: where they meet; ``upper``, ``lower``: the edges at rest.
    """
    inside = max(ZERO, ONE - along * along)
    arch = np.float32(ARCH) * np.sqrt(inside) + np.float32(1 - ARCH) * inside
    off, drop = abs(along) - ONE, ZERO
    if abs(off) < np.float32(CORNER_FAR):
        drop = np.float32(parting.drop) * np.exp(-off * off / np.float32(CORNER_REACH)) * (ONE - arch)
    speaking = np.float32(parting.speaking)
    above = upper + speaking * (seam - np.float32(parting.up) * arch + drop - upper)
    below = lower + speaking * (seam + np.float32(parting.down) * arch + drop - lower)
    return above, max(below, above)


@compiled
def painted(
    x: Real, y: Real, source_x: Real, curves: FloatArray, corners: FloatArray, colours: FloatArray, soft: Real,
    edge: Real, parting: Parting,
) -> tuple[Real, Real, Real, Real]:  # fmt: skip
    """Return how much paint covers a place of the mouth, 0…1, and its Y, U and V without their offsets.

    ``source_x``: where that lies at rest; the rest: see ``Ground``.
    """
    right, middle, left = corners[0], corners[1], corners[2]
    along = (source_x - middle) / (middle - right if x < middle else left - middle)
    if abs(along) > np.float32(1.02):
        return ZERO, ZERO, ZERO, ZERO
    knots = np.float32(curves.shape[1] - 1)
    place = (x - np.float32(CURVE_FROM)) * (knots / np.float32(CURVE_TO - CURVE_FROM))
    place = min(knots - np.float32(0.01), max(ZERO, place))
    i = int(place)
    between = place - np.float32(i)
    seam = curves[0, i] + (curves[0, i + 1] - curves[0, i]) * between
    rest_upper = curves[1, i] + (curves[1, i + 1] - curves[1, i]) * between
    rest_lower = curves[2, i] + (curves[2, i + 1] - curves[2, i]) * between
    upper, lower = inner_edges(along, seam, rest_upper, rest_lower, parting)
    gap, under_lip, over_lip = lower - upper, y - upper, lower - y
    if gap <= np.float32(1e-4) or under_lip < -soft or over_lip < -soft:
        return ZERO, ZERO, ZERO, ZERO
    half = soft / np.float32(2)
    cover = _step(under_lip + half, soft) * _step(over_lip + half, soft) * _step(gap, np.float32(1.6) * soft)
    cover *= _step(np.float32(1.02) - abs(along), 0.04)
    luma, blue, red = _interior(source_x, y - seam, under_lip, over_lip, colours, edge, parting)
    return np.float32(cover), np.float32(luma), np.float32(blue), np.float32(red)


@compiled
def _interior(
    x: Real, y: Real, under_lip: Real, over_lip: Real, colours: FloatArray, edge: Real, parting: Parting
) -> tuple[Real, Real, Real]:
    """Colour a place: Y, U and V without their offsets.

    ``y``: from the line where the lips meet; ``under_lip``, ``over_lip``: from the lips' edges.
    """
    across = min(1.0, max(-1.0, x / ROW))
    curve = across * across  # the rows bend back into the dark, and up at the sides
    gaps, lower_gaps = _between_teeth(x, edge), _between_teeth(x * np.float32(1.25), edge)
    upper_edge = UPPER_EDGE - 0.045 * curve - 0.009 * gaps
    lower_edge = UPPER_EDGE - 0.012 + JAW_FALL * parting.jaw - 0.03 * curve + 0.006 * lower_gaps
    crown = _step(ROW - abs(x), 0.15)
    light = min(1.0, max(0.2, 1 - 0.62 * curve)) * (1 - RECEDE * parting.rounding)  # behind lips that come forward
    # the tongue: low and flat, its tip raised behind the upper teeth
    side = x / 0.36
    height = (0.06 + 0.12 * parting.tongue + 0.09 * parting.jaw) * max(0.0, 1 - side * side) - lower_edge + y
    tongue = _step(height, 0.035) * _step(1 - abs(side), 0.3) * min(1.0, 4 * parting.opening)
    lit = 0.62 + 0.38 * _step(height, 0.12) - 0.10 * np.exp(-(side * side) / 0.077)
    lower = _step(y - lower_edge, edge) * crown * 0.95
    lower_light = light * (0.62 + 0.13 * _step(over_lip, 0.05)) * (1 - 0.18 * lower_gaps)
    upper = _step(upper_edge - y, edge) * crown
    upper_light = light * (0.66 + 0.34 * _step(under_lip - 0.004, 0.055)) * (1 - 0.17 * gaps)
    # upper teeth over lower ones, over the tongue, over the depth
    behind = (1 - upper) * (1 - lower)
    of_teeth = upper * upper_light + (1 - upper) * lower * lower_light
    of_depth = behind * (1 - tongue) * (1.25 - 0.5 * _step(min(under_lip, over_lip), 0.08))
    of_tongue = behind * tongue * lit
    return (
        of_teeth * colours[0, 0] + of_depth * colours[1, 0] + of_tongue * colours[2, 0],
        of_teeth * colours[0, 1] + of_depth * colours[1, 1] + of_tongue * colours[2, 1],
        of_teeth * colours[0, 2] + of_depth * colours[1, 2] + of_tongue * colours[2, 2],
    )


@compiled
def _between_teeth(x: Real, edge: Real) -> Real:
    """Return 1 in the gap between two teeth, 0 within one; the front ones are the widest."""
    place = abs(x) / np.float32(TOOTH_WIDTH)
    place += np.float32(0.07) * place * place
    wide = max(0.22, 2 * edge / TOOTH_WIDTH)  # where it is softer it is wider, and fainter
    off = abs(place - np.floor(place) - np.float32(0.5)) * 2
    return np.float32(_step(off - (1 - wide), wide) * (0.22 / wide))


@compiled
def _step(value: Real, width: Real) -> Real:
    return min(ONE, max(ZERO, np.float32(value / width)))
