"""Moving planes by a field of displacements: the head's whole movement, in one compiled pass over the pixels.

The field is known at the middles of cells and linear between them. So along a row it is linear over a cell's width, and
mostly lies between the same two pixels of the finer grid there: such a run reads four runs of neighbouring bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.inference.portrait.compiled import Real, compiled
from app.inference.portrait.lanes import LANES, draw_lanes, draw_lanes_within
from app.media import FloatArray

Bytes = NDArray[np.uint8]

HALF, ONE = np.float32(0.5), np.float32(1)


@compiled
def glide(
    planes: Bytes, phases: Bytes, left: int, top: int, field: FloatArray, cell: int, scale: float,
    areas: NDArray[np.int64],
) -> None:  # fmt: skip
    """Look planes' pixels up where they come from, in place: (n, height, width), such as both chromas.

    ``phases``: theirs (n, 2, 2, rows, columns), see ``fine``; they begin at the planes' pixel (``left``, ``top``) and
    hold all that is looked up. ``field``: float32 (rows, columns, 2), x and y, from the cell before the planes' first
    on; ``cell``: its pixels, even; ``scale`` makes pixels of the doubled planes of it. ``areas``: (n, 4), left, top,
    right and bottom of what is to be drawn.
    """
    width, larger = 2 * field.shape[1], np.float32(scale)
    values, row = field.reshape(-1), np.empty(2 * field.shape[1], np.float32)
    for n in range(areas.shape[0]):
        for y in range(areas[n, 1], areas[n, 3]):
            above = (2 * y + cell + 1) // (2 * cell)
            down = np.float32(2 * y + cell + 1 - 2 * cell * above) / np.float32(2 * cell)
            for k in range(width):
                upper, lower = values[above * width + k], values[above * width + width + k]
                row[k] = (upper + (lower - upper) * down) * larger
            _glide_row(planes, y, phases, y - top, left, row, cell, areas[n, 0], areas[n, 2])


@compiled
def _glide_row(
    planes: Bytes, to_row: int, phases: Bytes, row: int, left: int, moves: FloatArray, cell: int, first: int, end: int
) -> None:
    """Draw a row's pixels from ``first`` to ``end``. ``moves``: x and y in turn, in pixels of the doubled planes."""
    out, source, count = planes.reshape(-1), phases.reshape(-1), planes.shape[0]
    out_size, size, rows, columns = planes[0].size, phases[0].size, phases.shape[3], phases.shape[4]
    to, at = to_row * planes.shape[2], row * columns - left
    half, per_pixel, lanes = cell // 2, ONE / np.float32(cell), np.float32(LANES)
    i, x = (first + half) // cell, first
    known_x, known_y = 0, 0
    a, b, c, d = _begins(known_x, known_y, rows, columns)
    while x < end:
        step_x = (moves[2 * i + 2] - moves[2 * i]) * per_pixel
        step_y = (moves[2 * i + 3] - moves[2 * i + 1]) * per_pixel
        along = np.float32(x - (i * cell - half)) + HALF
        move_x, move_y = moves[2 * i] + step_x * along, moves[2 * i + 1] + step_y * along
        stop = min(end, i * cell + half)
        last = np.float32(stop - x - 1)
        px, py = int(np.floor(move_x)), int(np.floor(move_y))
        whole = px == int(np.floor(move_x + step_x * last)) and py == int(np.floor(move_y + step_y * last))
        if px != known_x or py != known_y:
            known_x, known_y = px, py
            a, b, c, d = _begins(px, py, rows, columns)
        while x + LANES <= stop:
            for n in range(count):
                place, here = n * out_size + to + x, n * size + at + x
                if whole:
                    off_x, off_y = move_x - np.float32(px), move_y - np.float32(py)
                    draw_lanes(out, place, source, here + a, here + b, here + c, here + d, off_x, off_y, step_x, step_y)
                else:
                    _draw_parted(out, place, source, here, rows, columns, move_x, move_y, step_x, step_y)
            move_x, move_y = move_x + step_x * lanes, move_y + step_y * lanes
            x += LANES
        while x < stop:
            for n in range(count):
                out[n * out_size + to + x] = _pixel(source, n * size + at + x, rows, columns, move_x, move_y)
            move_x, move_y = move_x + step_x, move_y + step_y
            x += 1
        i += 1


@compiled
def _begins(x: int, y: int, rows: int, columns: int) -> tuple[int, int, int, int]:
    """Return where the four pixels lie in a plane's phases that begin at x, y of its double, from a pixel's own."""
    left = (x & 1) * rows * columns + (x >> 1)
    right = (~x & 1) * rows * columns + ((x + 1) >> 1)
    upper = ((y & 1) * 2 * rows + (y >> 1)) * columns
    lower = ((~y & 1) * 2 * rows + ((y + 1) >> 1)) * columns
    return upper + left, upper + right, lower + left, lower + right


@compiled
def _draw_parted(
    out: Bytes, to: int, source: Bytes, at: int, rows: int, columns: int, x: Real, y: Real, step_x: Real, step_y: Real
) -> None:
    """Draw ``LANES`` pixels that do not all lie between the same four. ``x``, ``y``: the first one's displacement."""
    far_x, far_y = x + step_x * np.float32(LANES - 1), y + step_y * np.float32(LANES - 1)
    for py in range(int(np.floor(min(y, far_y))), int(np.floor(max(y, far_y))) + 1):
        for px in range(int(np.floor(min(x, far_x))), int(np.floor(max(x, far_x))) + 1):
            a, b, c, d = _begins(px, py, rows, columns)
            off_x, off_y = x - np.float32(px), y - np.float32(py)
            draw_lanes_within(out, to, source, at + a, at + b, at + c, at + d, off_x, off_y, step_x, step_y)


@compiled
def _pixel(source: Bytes, at: int, rows: int, columns: int, x: Real, y: Real) -> Real:
    """Return one pixel, displaced by ``x``, ``y``."""
    px, py = int(np.floor(x)), int(np.floor(y))
    a, b, c, d = _begins(px, py, rows, columns)
    across, down = x - np.float32(px), y - np.float32(py)
    upper, lower = np.float32(source[at + a]), np.float32(source[at + c])
    upper += (np.float32(source[at + b]) - upper) * across
    lower += (np.float32(source[at + d]) - lower) * across
    return np.uint8(np.int32(upper + (lower - upper) * down + HALF))
