"""Drawing the lower face: each pixel is looked up once, where head and mouth take it from, and the mouth is painted.

The head takes a pixel from ``p`` to ``q``, its place in the picture at rest, and the mouth's warp from there to where
its colour lies. What shows between the lips is painted as it is at ``q``, so it is as sharp however the head is held.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import Real, compiled
from app.inference.engines.portrait.ground import Ground
from app.inference.engines.portrait.lanes import LANES
from app.inference.engines.portrait.lookup import (
    before_head,
    between_columns,
    between_rows,
    byte_of,
    head_row,
    look_up_row,
    looked_up,
    taken,
    warped,
)
from app.inference.engines.portrait.paint import Parting, painted
from app.media import FloatArray

Bytes = NDArray[np.uint8]

LUMA_OFFSET, CHROMA_OFFSET = np.float32(16), np.float32(128)
ZERO, HALF, ONE, TWO, FOUR = (np.float32(number) for number in (0, 0.5, 1, 2, 4))
BESIDE = np.float32(0.1)  # mouth widths beyond the corners: further out nothing parts


@compiled
def draw_lips(
    y_plane: Bytes, u_plane: Bytes, v_plane: Bytes,
    ground: Ground, warp: FloatArray, parting: Parting, widest: float, field: FloatArray, cell: int,
    left: int, top: int, right: int, bottom: int,
) -> None:  # fmt: skip
    """Draw what the mouth moves into a picture's planes, in place, from ``left`` to ``bottom``, all even.

    ``warp``: float32 (rows, columns, 4) on the ground's grid: the displacement along the mouth, down it for what lies
    above the mouth's middle and for what lies below, and y from that middle; mouth widths. ``widest``: how far from
    the middle the lips' line, or paint, may be. ``field``: the head's, float32 (rows, 2, columns), and ``cell``, see
    ``glide``.
    """
    rows, columns = (bottom - top) // 2, (right - left) // 2
    places = np.empty((3, rows + 2, columns + 2), np.float32)
    spans = np.empty((rows + 2, 2), np.int64)
    _find_places(ground, warp, np.float32(widest), field, cell, left, top, places, spans)
    # the paint of each four pixels: how much it covers, and U and V by that
    paint = np.zeros((3, rows, columns), np.float32)
    _draw_luma(y_plane, ground, warp, parting, np.float32(widest), field, cell, left, top, places, spans, paint)
    _draw_chroma(u_plane, v_plane, ground, left, top, places, spans, paint)


@compiled
def _find_places(
    ground: Ground, warp: FloatArray, widest: Real, field: FloatArray, cell: int,
    left: int, top: int, places: FloatArray, spans: NDArray[np.int64],
) -> None:  # fmt: skip
    """Find where each pixel of chroma comes from, and of one more around: those of luma lie between.

    ``places``: float32 (3, rows, columns): x and y in the doubled luma, and y from the mouth's middle. ``spans``: the
    first column of each row that the mouth moves, and the first that it does not any more.
    """
    axes = ground.axes
    origin_x, origin_y, per_step = np.float32(ground.left), np.float32(ground.top), ONE / np.float32(ground.step)
    fine_x, fine_y = np.float32(ground.from_x), np.float32(ground.from_y)
    flat, rows, columns = warp.reshape(-1), warp.shape[0], warp.shape[1]
    head = np.empty((2, field.shape[2]), np.float32)
    for row in range(places.shape[1]):
        y = np.float32(top + 2 * row - 2) + HALF
        head_row(field, cell, y, head)
        first, end = places.shape[2], 0
        for column in range(places.shape[2]):
            at_x, at_y = before_head(head, cell, np.float32(left + 2 * column - 2) + HALF, y)
            along, down, side = warped(flat, rows, columns, (at_x - origin_x) * per_step, (at_y - origin_y) * per_step)
            places[0, row, column] = TWO * (at_x - fine_x + along * axes[0, 0] + down * axes[0, 1])
            places[1, row, column] = TWO * (at_y - fine_y + along * axes[1, 0] + down * axes[1, 1])
            places[2, row, column] = side
            if along != 0 or down != 0 or abs(side) < widest:
                first, end = min(first, column), column + 1
        spans[row, 0], spans[row, 1] = first, end


@compiled
def _draw_luma(
    plane: Bytes, ground: Ground, warp: FloatArray, parting: Parting, widest: Real, field: FloatArray, cell: int,
    left: int, top: int, places: FloatArray, spans: NDArray[np.int64], paint: FloatArray,
) -> None:  # fmt: skip
    """Draw a luma plane, and note in ``paint`` what is painted. Where the lips part, each pixel's place is found."""
    # as locals: whatever is taken from a tuple within the loop is counted, each time
    axes, inverse, curves, corners, colours = ground.axes, ground.inverse, ground.curves, ground.corners, ground.colours
    lumas, blues, reds, grain, own = ground.y, ground.u, ground.v, ground.grain, ground.own
    centre_x, centre_y, soft = ground.centre[0], ground.centre[1], np.float32(ground.soft)
    edge = np.float32(ground.edge)
    origin_x, origin_y, per_step = np.float32(ground.left), np.float32(ground.top), ONE / np.float32(ground.step)
    fine_x, fine_y = np.float32(ground.from_x), np.float32(ground.from_y)
    untouched = np.float32(max(0.0, 1 - 2 * parting.speaking))  # of the picture's own open mouth
    flat, rows, columns = warp.reshape(-1), warp.shape[0], warp.shape[1]
    head = np.empty((2, field.shape[2]), np.float32)
    width = 2 * (places.shape[2] - 2)
    between = np.empty((3, places.shape[2]), np.float32)
    of_row = np.empty((3, width + LANES), np.float32)
    covers, drawn = np.empty(width + LANES, np.float32), np.empty(width + LANES, np.uint8)
    for row in range(2 * (places.shape[1] - 2)):
        above = (row + 1) // 2  # of the rows of places between which it lies
        first = max(0, 2 * min(spans[above, 0], spans[above + 1, 0]) - 3)
        end = min(width, 2 * max(spans[above, 1], spans[above + 1, 1]))
        if first >= end:
            continue
        between_rows(places, row, between)
        between_columns(between, first, end, of_row)
        y = top + row
        head_row(field, cell, np.float32(y), head)
        for k in range(first, end):
            covers[k] = ZERO
            if abs(of_row[2, k]) >= widest:
                continue
            at_x, at_y = before_head(head, cell, np.float32(left + k), np.float32(y))
            off_x, off_y = at_x - centre_x, at_y - centre_y
            mouth_x = inverse[0, 0] * off_x + inverse[0, 1] * off_y
            if mouth_x < corners[0] - BESIDE or mouth_x > corners[2] + BESIDE:
                continue
            here_x, here_y = at_x - origin_x, at_y - origin_y
            along, down, _ = warped(flat, rows, columns, here_x * per_step, here_y * per_step)
            of_row[0, k] = TWO * (at_x - fine_x + along * axes[0, 0] + down * axes[0, 1])
            of_row[1, k] = TWO * (at_y - fine_y + along * axes[1, 0] + down * axes[1, 1])
            mouth_y = inverse[1, 0] * off_x + inverse[1, 1] * off_y
            cover, luma, blue, red = painted(
                mouth_x, mouth_y, mouth_x + along, curves, corners, colours, soft, edge, parting
            )
            if cover > 0:
                luma += LUMA_OFFSET + taken(grain, here_x, here_y)
                blue, red = blue + CHROMA_OFFSET, red + CHROMA_OFFSET
                if own.shape[0] > 1:
                    share = taken(own, here_x, here_y)
                    share += (ONE - share) * untouched
                    own_x, own_y = at_x - fine_x, at_y - fine_y
                    luma += (looked_up(lumas, TWO * own_x, TWO * own_y) - luma) * share
                    blue += (looked_up(blues, own_x - HALF, own_y - HALF) - blue) * share
                    red += (looked_up(reds, own_x - HALF, own_y - HALF) - red) * share
                covers[k], of_row[2, k] = cover, luma
                paint[0, row // 2, k // 2] += cover / FOUR
                paint[1, row // 2, k // 2] += blue * cover / FOUR
                paint[2, row // 2, k // 2] += red * cover / FOUR
        look_up_row(drawn, lumas, of_row[0], of_row[1], first, end)
        for k in range(first, end):
            if covers[k] > 0:
                value = np.float32(drawn[k])
                drawn[k] = byte_of(value + (of_row[2, k] - value) * covers[k])
        plane[y, left + first : left + end] = drawn[first:end]


@compiled
def _draw_chroma(
    u_plane: Bytes, v_plane: Bytes, ground: Ground, left: int, top: int,
    places: FloatArray, spans: NDArray[np.int64], paint: FloatArray,
) -> None:  # fmt: skip
    """Draw the chroma planes: each pixel lies between four of luma, and was painted as their mean."""
    width = paint.shape[2]
    x, y = np.empty(width + LANES, np.float32), np.empty(width + LANES, np.float32)
    drawn = np.empty((2, width + LANES), np.uint8)
    for row in range(paint.shape[1]):
        first, end = max(0, spans[row + 1, 0] - 1), min(width, spans[row + 1, 1] - 1)
        if first >= end:
            continue
        for k in range(first, end):
            x[k] = HALF * places[0, row + 1, k + 1] - HALF
            y[k] = HALF * places[1, row + 1, k + 1] - HALF
        look_up_row(drawn[0], ground.u, x, y, first, end)
        look_up_row(drawn[1], ground.v, x, y, first, end)
        for k in range(first, end):
            cover = paint[0, row, k]
            if cover > 0:
                drawn[0, k] = byte_of(np.float32(drawn[0, k]) * (ONE - cover) + paint[1, row, k])
                drawn[1, k] = byte_of(np.float32(drawn[1, k]) * (ONE - cover) + paint[2, row, k])
        u_plane[top // 2 + row, left // 2 + first : left // 2 + end] = drawn[0, first:end]
        v_plane[top // 2 + row, left // 2 + first : left // 2 + end] = drawn[1, first:end]
