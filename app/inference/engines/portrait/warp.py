"""How a mouth's shape moves the lower face: where each point of a grid comes from, in mouth widths (see ``geometry``).

The nose stays, the lips part, the chin follows, the neck stays. The movement is smooth but for the line where the lips
part, so that each point has two: as if it lay above that line, and as if it lay below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from app.inference.engines.portrait.compiled import Real, compiled
from app.inference.engines.portrait.paint import ONE, ZERO, Parting, inner_edges
from app.inference.engines.portrait.shape import MouthShape
from app.media import FloatArray

# all in mouth widths, at a shape's 1
MAX_OPENING = 0.34
UPPER_SHARE = 0.20  # of the opening, taken by the upper lip
CHIN_SHARE = 0.62  # of the jaw's opening, followed by the chin
MAX_SPREAD, MAX_ROUNDING = 0.13, 0.30  # of the mouth's width
NARROWS = 0.07  # of its width, by a wide open jaw
CORNERS_DROP = 0.10  # of the opening
PUCKER, PRESS = 0.22, 0.22  # of the lips' thickness, gained by rounding and lost by pressing
TUCK_LIFT, TUCK_HIDE = 0.03, 0.06  # of the lower lip, under the teeth
TEETH_LIFT = 0.035  # of the upper lip, to show them


class Grid(NamedTuple):
    """What is known of each point: ``points``: float32 (rows, columns, 14), in this order.

    Its x and y; where it lies along the inner mouth, −1 and 1 being the corners; from the middle to the corner on its
    side; at its x: where the lips meet, their inner edges, and the upper and the lower one's thickness; how far it goes
    with the upper lip (1 at its top, 0 at the nose), sideways with the lips, and with the chin; 0 away from the face; 0
    at the grid's edge. ``middle``: x of the face's; ``chin``: y. ``gap``: between the lips at rest.
    """

    points: FloatArray
    middle: float
    chin: float
    gap: float


class Pull(NamedTuple):
    """What a shape does: the lips become ``wider`` by a factor and ``thicker``; ``jaw``: by how much the chin falls;
    ``tuck``: by how much the lower lip is hidden.
    """

    wider: float
    thicker: float
    jaw: float
    tuck: float


class Warp(NamedTuple):
    """``moves``: float32 (rows, columns, 4): along the mouth, down it above and below the middle, and y from there.

    ``first_row`` … ``end_column``: what moves at all. ``gap``: the widest between the lips.
    """

    moves: FloatArray
    first_row: int
    end_row: int
    first_column: int
    end_column: int
    gap: float


def pull_of(shape: MouthShape, gap: float) -> Pull:
    """Say what a shape does to lips that are ``gap`` apart at rest."""
    spread = MAX_SPREAD * shape.wide * (1 - shape.rounding)
    return Pull(
        wider=1 + shape.speaking * (spread - MAX_ROUNDING * shape.rounding - NARROWS * shape.opening),
        thicker=shape.speaking * (PUCKER * shape.rounding - PRESS * shape.closed),
        jaw=CHIN_SHARE * shape.speaking * (MAX_OPENING * shape.jaw - 0.7 * gap),
        tuck=TUCK_HIDE * shape.tuck * shape.speaking,
    )


def parting_of(shape: MouthShape) -> Parting:
    """Say how a shape parts the lips: in floats, as other types would be compiled for anew."""
    gap = MAX_OPENING * shape.opening
    show = TEETH_LIFT * shape.teeth * min(1.0, shape.opening / 0.08) * (1 - shape.rounding)
    return Parting(
        up=UPPER_SHARE * gap + show + 0.02 * shape.tuck,
        down=(1 - UPPER_SHARE) * gap + 0.4 * show - TUCK_LIFT * shape.tuck,
        drop=CORNERS_DROP * gap,
        speaking=float(shape.speaking),
        jaw=float(shape.jaw),
        rounding=float(shape.rounding),
        tongue=float(shape.tongue),
        opening=float(shape.opening),
    )


@compiled
def warp_of(grid: Grid, pull: Pull, parting: Parting, least: float) -> Warp:
    """Move every point; by less than ``least``, not at all."""
    points, middle, chin = grid.points, np.float32(grid.middle), np.float32(grid.chin)
    rows, columns = points.shape[0], points.shape[1]
    moves = np.empty((rows, columns, 4), np.float32)
    first_row, end_row, first_column, end_column, gap = rows, 0, columns, 0, ZERO
    wider, little = np.float32(pull.wider), np.float32(least)
    for j in range(rows):
        for i in range(columns):
            x, y, span, seam = points[j, i, 0], points[j, i, 1], points[j, i, 3], points[j, i, 4]
            across, fade = points[j, i, 10], points[j, i, 13]
            source_x = middle + (x - middle) / (ONE + (wider - ONE) * across)
            upper, lower = inner_edges((source_x - middle) / span, seam, points[j, i, 5], points[j, i, 6], parting)
            corner = min(ONE, max(ZERO, np.float32(1.3) - abs(points[j, i, 2])))
            along = (source_x - x) * fade
            above = fade * _above(
                y, upper, upper - points[j, i, 5], points[j, i, 7], points[j, i, 9], corner, np.float32(pull.thicker)
            )
            below = fade * _below(
                y, lower, lower - points[j, i, 6], seam, points[j, i, 8], points[j, i, 11], points[j, i, 12],
                points[j, i, 2], corner, chin, pull,
            )  # fmt: skip
            moving = abs(along) > little or abs(above) > little or abs(below) > little
            if moving:
                first_row, end_row = min(first_row, j), max(end_row, j + 1)
                first_column, end_column = min(first_column, i), max(end_column, i + 1)
            moves[j, i, 0] = along if moving else ZERO
            moves[j, i, 1] = above if moving else ZERO
            moves[j, i, 2] = below if moving else ZERO
            moves[j, i, 3] = y - (upper + lower) / np.float32(2)
            gap = max(gap, lower - upper)
    return Warp(moves, first_row, end_row, first_column, end_column, float(gap))


@compiled
def _above(y: Real, upper: Real, lift: Real, thickness: Real, going: Real, corner: Real, thicker: Real) -> Real:
    """Return from how far down a point above the mouth's middle comes. ``lift``: of the upper lip's edge, downwards."""
    over = max(ZERO, upper - y) / thickness  # within the upper lip, by how much its thickness has changed
    swell = thicker * thickness * over / (ONE + over * over)
    return (swell * corner - lift) * going


@compiled
def _below(
    y: Real, lower: Real, sink: Real, seam: Real, thickness: Real, with_chin: Real, skin: Real, t: Real, corner: Real,
    chin: Real, pull: Pull,
) -> Real:  # fmt: skip
    """Return from how far down a point below the middle comes. ``sink``: of the lower lip's edge, downwards."""
    under = max(ZERO, y - lower)
    way = (under - thickness) / max(chin - seam - thickness, np.float32(0.1))  # from the lip to the chin
    way = min(ONE, max(ZERO, way))
    way = way * way * (np.float32(3) - np.float32(2) * way)
    share = under / thickness
    swell = np.float32(pull.thicker) * under / (ONE + share * share) * corner
    move = -(sink * (ONE - way) + np.float32(pull.jaw) * with_chin * way) * skin - swell
    if pull.tuck > 0:
        move += np.float32(pull.tuck) * np.exp(-share * share) * max(ZERO, ONE - t * t)
    return move
