"""Looking up between the points of a plane, of the head's field and of the mouth's warp, in compiled code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import Real, compiled
from app.inference.engines.portrait.lanes import LANES, look_up_lanes, mixed
from app.media import FloatArray

Bytes = NDArray[np.uint8]

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
BARELY_ONE, BARELY_TWO = np.float32(1.001), np.float32(2.001)  # before the end, so that there is a neighbour
FAR = np.float32(1e6)


@compiled
def look_up_row(out: Bytes | FloatArray, fine: Bytes, x: FloatArray, y: FloatArray, first: int, end: int) -> None:
    """Look pixels up at their places in a doubled plane, as bytes or float32; the edges' values go on beyond them."""
    source, columns = fine.reshape(-1), np.int32(fine.shape[1])
    far_x, far_y = np.float32(fine.shape[1]) - BARELY_TWO, np.float32(fine.shape[0]) - BARELY_TWO
    for k in range(first, end, LANES):
        look_up_lanes(out, k, source, columns, x, y, k, far_x, far_y)


@compiled
def head_row(field: FloatArray, cell: int, y: Real, row: FloatArray) -> None:
    """Write the head's displacements of a row of pixels: float32 (2, columns), of the field's columns."""
    place = (y + HALF) * (ONE / np.float32(cell)) + HALF
    j = int(place)
    down = place - np.float32(j)
    for c in range(2):
        for i in range(row.shape[1]):
            row[c, i] = field[j, c, i] + (field[j + 1, c, i] - field[j, c, i]) * down


@compiled
def before_head(row: FloatArray, cell: int, x: Real, y: Real) -> tuple[Real, Real]:
    """Return where the head takes a pixel from."""
    place = (x + HALF) * (ONE / np.float32(cell)) + HALF
    i = np.uint32(place)
    across, beside = place - np.float32(i), i + np.uint32(1)
    return x + row[0, i] + (row[0, beside] - row[0, i]) * across, y + row[1, i] + (row[1, beside] - row[1, i]) * across


@compiled
def between_rows(places: FloatArray, row: int, out: FloatArray) -> None:
    """Interpolate the places of a row of luma's pixels: float32 (n, columns), a column for each of chroma's.

    ``places``: float32 (n, rows, columns), of chroma's pixels, and of one more around.
    """
    above, down = (row + 1) // 2, np.float32(0.75 if row % 2 == 0 else 0.25)
    for c in range(np.uint32(places.shape[0])):
        for k in range(out.shape[1]):
            out[c, k] = places[c, above, k] + (places[c, above + 1, k] - places[c, above, k]) * down


@compiled
def between_columns(between: FloatArray, first: int, end: int, out: FloatArray) -> None:
    """Interpolate what :func:`between_rows` found: from the pixel ``first`` to ``end``, and one more at either end."""
    near, far = np.float32(0.75), np.float32(0.25)
    for c in range(np.uint32(between.shape[0])):
        for pair in range(first // 2, (end + 1) // 2):
            middle = near * between[c, pair + 1]
            out[c, 2 * pair] = far * between[c, pair] + middle
            out[c, 2 * pair + 1] = far * between[c, pair + 2] + middle


@compiled
def warped(warp: FloatArray, rows: int, columns: int, x: Real, y: Real) -> tuple[Real, Real, Real]:
    """Interpolate the warp at a place in its own steps: the displacement along and down, and y from the middle."""
    if not (x >= 0 and y >= 0 and x < np.float32(columns - 1) and y < np.float32(rows - 1)):
        return ZERO, ZERO, FAR
    i, j = int(x), int(y)
    a = 4 * (j * columns + i)
    c = a + 4 * columns
    along, above, below, side = mixed(warp, a, a + 4, c, c + 4, x - np.float32(i), y - np.float32(j))
    return along, above if side < 0 else below, side


@compiled
def looked_up(fine: Bytes, x: Real, y: Real) -> Real:
    """Return a doubled plane's value between its pixels; the edges' values go on beyond them."""
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
def taken(plane: FloatArray, x: Real, y: Real) -> Real:
    """Return a plane's value between its pixels, float32; the edges' values go on beyond them."""
    x = min(np.float32(plane.shape[1]) - BARELY_ONE, max(ZERO, x))
    y = min(np.float32(plane.shape[0]) - BARELY_ONE, max(ZERO, y))
    column, row = np.uint32(x), np.uint32(y)
    across, down = x - np.float32(column), y - np.float32(row)
    beside, below = column + np.uint32(1), row + np.uint32(1)
    upper = plane[row, column] + (plane[row, beside] - plane[row, column]) * across
    lower = plane[below, column] + (plane[below, beside] - plane[below, column]) * across
    return upper + (lower - upper) * down


@compiled
def byte_of(value: Real) -> int:
    """Round into 0…255."""
    return np.uint8(np.int32(min(np.float32(255), max(ZERO, value + HALF))))  # type: ignore[return-value]
