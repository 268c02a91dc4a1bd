"""Drawing the lower face: each pixel is looked up once, where head and mouth take it from, and the mouth is painted.

The head takes a pixel from ``p`` to ``q``, its place in the picture at rest, and the mouth's warp from there to where
its colour lies. What shows between the lips is painted as it is at ``q``, so it is as sharp however the head is held.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.inference.portrait.compiled import Real, compiled
from app.inference.portrait.lanes import mixed
from app.inference.portrait.paint import Parting, painted
from app.media import FloatArray

Bytes = NDArray[np.uint8]

LUMA_OFFSET, CHROMA_OFFSET = np.float32(16), np.float32(128)
ZERO, HALF, ONE, TWO, FOUR = (np.float32(number) for number in (0, 0.5, 1, 2, 4))
BARELY_ONE, FAR = np.float32(1.001), np.float32(1e6)


class Ground(NamedTuple):
    """What one picture's lower face is drawn from.

    ``left``, ``top``, even: of the pixels it can change. ``step``: pixels between the warp's columns and rows, of which
    the first are there. ``y``, ``u``, ``v``: the picture's planes doubled, from the pixel ``from_x``, ``from_y``, even.
    ``centre``, ``axes``, ``inverse``: float32 (2,), (2, 2), (2, 2): the mouth's coordinates, see ``MouthFrame``.
    ``curves``: float32 (3, n): where the lips meet and their inner edges at rest, from ``CURVE_FROM`` to ``CURVE_TO``.
    ``corners``: float32 (3,): x of the right inner corner, the middle and the left one. ``colours``: float32 (3, 3): of
    teeth, depth and tongue, in Y, U, V without their offsets. ``soft``: the width of the paint's edges. ``grain``:
    float32, of each pixel; ``own``: how much of the picture's own open mouth shows there; (1, 1) where it is closed.
    """

    left: int
    top: int
    step: int
    y: Bytes
    u: Bytes
    v: Bytes
    from_x: int
    from_y: int
    centre: FloatArray
    axes: FloatArray
    inverse: FloatArray
    curves: FloatArray
    corners: FloatArray
    colours: FloatArray
    soft: float
    grain: FloatArray
    own: FloatArray


@compiled
def draw_lips(
    y_plane: Bytes, u_plane: Bytes, v_plane: Bytes,
    ground: Ground, warp: FloatArray, parting: Parting, field: FloatArray, cell: int,
    left: int, top: int, right: int, bottom: int,
) -> None:  # fmt: skip
    """Draw what the mouth moves into a picture's planes, in place, from ``left`` to ``bottom``, all even.

    ``warp``: float32 (rows, columns, 4) on the ground's grid: the displacement along the mouth, down it for what lies
    above the mouth's middle and for what lies below, and y from that middle; mouth widths. ``field``: the head's,
    float32 (rows, columns, 2), and ``cell``, see ``glide``.
    """
    # the paint of each four pixels: how much it covers, and U and V by that
    paint = np.zeros((3, (bottom - top) // 2, (right - left) // 2), np.float32)
    _draw_luma(y_plane, ground, warp, parting, field, cell, left, top, right, bottom, paint)
    _draw_chroma(u_plane, v_plane, ground, warp, field, cell, left, top, paint)


@compiled
def _draw_luma(
    plane: Bytes, ground: Ground, warp: FloatArray, parting: Parting, field: FloatArray, cell: int,
    left: int, top: int, right: int, bottom: int, paint: FloatArray,
) -> None:  # fmt: skip
    """Draw a luma plane, and note in ``paint`` what is painted."""
    # as locals: whatever is taken from a tuple within the loop is counted, each time
    axes, inverse, curves, corners, colours = ground.axes, ground.inverse, ground.curves, ground.corners, ground.colours
    lumas, blues, reds, grain, own = ground.y, ground.u, ground.v, ground.grain, ground.own
    centre_x, centre_y, soft = ground.centre[0], ground.centre[1], np.float32(ground.soft)
    origin_x, origin_y, per_step = np.float32(ground.left), np.float32(ground.top), ONE / np.float32(ground.step)
    fine_x, fine_y, widest = np.float32(ground.from_x), np.float32(ground.from_y), np.float32(parting.widest)
    untouched = np.float32(max(0.0, 1 - 2 * parting.speaking))  # of the picture's own open mouth
    flat, rows, columns = warp.reshape(-1), warp.shape[0], warp.shape[1]
    head = np.empty((field.shape[1], 2), np.float32)
    for y in range(top, bottom):
        _head_row(field, cell, np.float32(y), head)
        for x in range(left, right):
            at_x, at_y = _before_head(head, cell, np.float32(x), np.float32(y))
            here_x, here_y = at_x - origin_x, at_y - origin_y
            along, down, side = _warped(flat, rows, columns, here_x * per_step, here_y * per_step)
            if along == 0 and down == 0 and abs(side) >= widest:
                continue
            from_x = at_x - fine_x + along * axes[0, 0] + down * axes[0, 1]
            from_y = at_y - fine_y + along * axes[1, 0] + down * axes[1, 1]
            value = _looked_up(lumas, TWO * from_x, TWO * from_y)
            if abs(side) < widest:
                off_x, off_y = at_x - centre_x, at_y - centre_y
                mouth_x = inverse[0, 0] * off_x + inverse[0, 1] * off_y
                mouth_y = inverse[1, 0] * off_x + inverse[1, 1] * off_y
                cover, luma, blue, red = painted(
                    mouth_x, mouth_y, mouth_x + along, curves, corners, colours, soft, parting
                )
                if cover > 0:
                    luma += LUMA_OFFSET + _taken(grain, here_x, here_y)
                    blue, red = blue + CHROMA_OFFSET, red + CHROMA_OFFSET
                    if own.shape[0] > 1:
                        share = _taken(own, here_x, here_y)
                        share += (ONE - share) * untouched
                        own_x, own_y = at_x - fine_x, at_y - fine_y
                        luma += (_looked_up(lumas, TWO * own_x, TWO * own_y) - luma) * share
                        blue += (_looked_up(blues, own_x - HALF, own_y - HALF) - blue) * share
                        red += (_looked_up(reds, own_x - HALF, own_y - HALF) - red) * share
                    value += (luma - value) * cover
                    row, column = (y - top) // 2, (x - left) // 2
                    paint[0, row, column] += cover / FOUR
                    paint[1, row, column] += blue * cover / FOUR
                    paint[2, row, column] += red * cover / FOUR
            plane[y, x] = _byte(value)


@compiled
def _draw_chroma(
    u_plane: Bytes, v_plane: Bytes, ground: Ground, warp: FloatArray, field: FloatArray, cell: int,
    left: int, top: int, paint: FloatArray,
) -> None:  # fmt: skip
    """Draw the chroma planes: each pixel lies between four of luma, and was painted as their mean."""
    axes, blues, reds = ground.axes, ground.u, ground.v
    origin_x, origin_y, per_step = np.float32(ground.left), np.float32(ground.top), ONE / np.float32(ground.step)
    fine_x, fine_y = np.float32(ground.from_x) + HALF, np.float32(ground.from_y) + HALF
    flat, rows, columns = warp.reshape(-1), warp.shape[0], warp.shape[1]
    head = np.empty((field.shape[1], 2), np.float32)
    for row in range(paint.shape[1]):
        y = np.float32(top + 2 * row) + HALF
        _head_row(field, cell, y, head)
        for column in range(paint.shape[2]):
            at_x, at_y = _before_head(head, cell, np.float32(left + 2 * column) + HALF, y)
            along, down, _ = _warped(flat, rows, columns, (at_x - origin_x) * per_step, (at_y - origin_y) * per_step)
            cover = paint[0, row, column]
            if along == 0 and down == 0 and cover == 0:
                continue
            from_x = at_x - fine_x + along * axes[0, 0] + down * axes[0, 1]
            from_y = at_y - fine_y + along * axes[1, 0] + down * axes[1, 1]
            blue = _looked_up(blues, from_x, from_y) * (ONE - cover) + paint[1, row, column]
            red = _looked_up(reds, from_x, from_y) * (ONE - cover) + paint[2, row, column]
            u_plane[top // 2 + row, left // 2 + column] = _byte(blue)
            v_plane[top // 2 + row, left // 2 + column] = _byte(red)


@compiled
def _head_row(field: FloatArray, cell: int, y: Real, row: FloatArray) -> None:
    """Write the head's displacements of a row of pixels: float32 (columns, 2), of the field's columns."""
    place = (y - np.float32(cell - 1) / TWO) / np.float32(cell) + ONE
    j = int(place)
    down = place - np.float32(j)
    for i in range(row.shape[0]):
        row[i, 0] = field[j, i, 0] + (field[j + 1, i, 0] - field[j, i, 0]) * down
        row[i, 1] = field[j, i, 1] + (field[j + 1, i, 1] - field[j, i, 1]) * down


@compiled
def _before_head(row: FloatArray, cell: int, x: Real, y: Real) -> tuple[Real, Real]:
    """Return where the head takes a pixel from."""
    place = (x - np.float32(cell - 1) / TWO) / np.float32(cell) + ONE
    i = np.uint32(place)
    across, beside = place - np.float32(i), i + np.uint32(1)
    return x + row[i, 0] + (row[beside, 0] - row[i, 0]) * across, y + row[i, 1] + (row[beside, 1] - row[i, 1]) * across


@compiled
def _warped(warp: FloatArray, rows: int, columns: int, x: Real, y: Real) -> tuple[Real, Real, Real]:
    """Interpolate the warp at a place in its own steps: the displacement along and down, and y from the middle."""
    if not (x >= 0 and y >= 0 and x < np.float32(columns - 1) and y < np.float32(rows - 1)):
        return ZERO, ZERO, FAR
    i, j = int(x), int(y)
    a = 4 * (j * columns + i)
    c = a + 4 * columns
    along, above, below, side = mixed(warp, a, a + 4, c, c + 4, x - np.float32(i), y - np.float32(j))
    return along, above if side < 0 else below, side


@compiled
def _looked_up(fine: Bytes, x: Real, y: Real) -> Real:
    """Return a doubled plane's value between its pixels; beyond its edges theirs."""
    x = min(np.float32(fine.shape[1]) - BARELY_ONE, max(ZERO, x))
    y = min(np.float32(fine.shape[0]) - BARELY_ONE, max(ZERO, y))
    column, row = np.uint32(x), np.uint32(y)  # signed, each would be looked at for whether it counts from the end
    across, down = x - np.float32(column), y - np.float32(row)
    beside, below = column + np.uint32(1), row + np.uint32(1)
    upper, lower = np.float32(fine[row, column]), np.float32(fine[below, column])
    upper += (np.float32(fine[row, beside]) - upper) * across
    lower += (np.float32(fine[below, beside]) - lower) * across
    return upper + (lower - upper) * down


@compiled
def _taken(plane: FloatArray, x: Real, y: Real) -> Real:
    """Return a plane's value between its pixels, float32; beyond its edges theirs."""
    x = min(np.float32(plane.shape[1]) - BARELY_ONE, max(ZERO, x))
    y = min(np.float32(plane.shape[0]) - BARELY_ONE, max(ZERO, y))
    column, row = np.uint32(x), np.uint32(y)
    across, down = x - np.float32(column), y - np.float32(row)
    beside, below = column + np.uint32(1), row + np.uint32(1)
    upper = plane[row, column] + (plane[row, beside] - plane[row, column]) * across
    lower = plane[below, column] + (plane[below, beside] - plane[below, column]) * across
    return upper + (lower - upper) * down


@compiled
def _byte(value: Real) -> int:
    return np.uint8(np.int32(min(np.float32(255), max(ZERO, value + HALF))))  # type: ignore[return-value]
