"""Moving a plane by a field of displacements: the head's whole movement, in one compiled pass over the pixels.

The field is known at the middles of cells and linear between them. So along a row it is linear over a cell's width, and
mostly lies between the same two pixels of the finer grid there: such a run reads four runs of neighbouring bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.inference.portrait.compiled import Real, compiled
from app.inference.portrait.fine import Phases, Plane
from app.inference.portrait.lanes import LANES, draw_lanes, draw_lanes_within
from app.media import FloatArray


@compiled
def _run_begins(x: int, y: int, rows: int, columns: int) -> tuple[int, int, int, int]:
    """Return where a pixel's four neighbours lie in the phases, x and y being of the doubled plane."""
    left = (x & 1) * rows * columns + (x >> 1)
    right = (~x & 1) * rows * columns + ((x + 1) >> 1)
    upper = ((y & 1) * 2 * rows + (y >> 1)) * columns
    lower = ((~y & 1) * 2 * rows + ((y + 1) >> 1)) * columns
    return upper + left, upper + right, lower + left, lower + right


@compiled
def _draw_parted(
    out: Plane,
    to: int,
    source: Plane,
    at: int,
    rows: int,
    columns: int,
    x: Real,
    y: Real,
    step_x: Real,
    step_y: Real,
) -> None:
    """Draw ``LANES`` pixels that do not all lie between the same four. ``x``, ``y``: the first one's displacement."""
    far_x, far_y = x + step_x * np.float32(LANES - 1), y + step_y * np.float32(LANES - 1)
    for py in range(int(np.floor(min(y, far_y))), int(np.floor(max(y, far_y))) + 1):
        for px in range(int(np.floor(min(x, far_x))), int(np.floor(max(x, far_x))) + 1):
            a, b, c, d = _run_begins(px, py, rows, columns)
            share_x, share_y = x - np.float32(px), y - np.float32(py)
            draw_lanes_within(out, to, source, at + a, at + b, at + c, at + d, share_x, share_y, step_x, step_y)


@compiled
def _draw_one(source: Plane, at: int, rows: int, columns: int, x: Real, y: Real) -> Real:
    """Return one pixel, displaced by ``x``, ``y``."""
    px, py = int(np.floor(x)), int(np.floor(y))
    a, b, c, d = _run_begins(px, py, rows, columns)
    across, down = x - np.float32(px), y - np.float32(py)
    upper, lower = np.float32(source[at + a]), np.float32(source[at + c])
    upper += (np.float32(source[at + b]) - upper) * across
    lower += (np.float32(source[at + d]) - lower) * across
    return np.uint8(np.int32(upper + (lower - upper) * down + np.float32(0.5)))


@compiled
def _glide_row(
    out: Plane,
    to: int,
    source: Plane,
    at: int,
    rows: int,
    columns: int,
    row: FloatArray,
    cell: int,
    first: int,
    end: int,
) -> None:
    """Draw one row's pixels from ``first`` to ``end``. ``row``: Real32 (columns, 2), of the doubled plane."""
    half, per_pixel, lanes = cell // 2, np.float32(1 / cell), np.float32(LANES)
    i, x = (first + half) // cell, first
    known_x, known_y = 0, 0
    a, b, c, d = _run_begins(known_x, known_y, rows, columns)
    while x < end:
        step_x, step_y = (row[i + 1, 0] - row[i, 0]) * per_pixel, (row[i + 1, 1] - row[i, 1]) * per_pixel
        along = np.float32(x - (i * cell - half)) + np.float32(0.5)
        move_x, move_y = row[i, 0] + step_x * along, row[i, 1] + step_y * along
        stop = min(end, i * cell + half)
        last = np.float32(stop - x - 1)
        px, py = int(np.floor(move_x)), int(np.floor(move_y))
        whole = px == int(np.floor(move_x + step_x * last)) and py == int(np.floor(move_y + step_y * last))
        if px != known_x or py != known_y:
            known_x, known_y = px, py
            a, b, c, d = _run_begins(px, py, rows, columns)
        while x + LANES <= stop:
            if whole:
                share_x, share_y = move_x - np.float32(px), move_y - np.float32(py)
                draw_lanes(
                    out,
                    to + x,
                    source,
                    at + x + a,
                    at + x + b,
                    at + x + c,
                    at + x + d,
                    share_x,
                    share_y,
                    step_x,
                    step_y,
                )
            else:
                _draw_parted(out, to + x, source, at + x, rows, columns, move_x, move_y, step_x, step_y)
            move_x, move_y = move_x + step_x * lanes, move_y + step_y * lanes
            x += LANES
        while x < stop:
            out[to + x] = _draw_one(source, at + x, rows, columns, move_x, move_y)
            move_x, move_y = move_x + step_x, move_y + step_y
            x += 1
        i += 1


@compiled
def glide(
    plane: Plane,
    phases: Phases,
    left: int,
    top: int,
    field: FloatArray,
    cell: int,
    scale: float,
    areas: NDArray[np.int64],
) -> None:
    """Look a plane's pixels up where they come from, in place.

    ``phases`` begins at the plane's pixel (``left``, ``top``), and holds all that is looked up. ``field``: Real32
    (rows, columns, 2), x and y, from the cell before the plane's first on; ``cell``: its pixels, even; ``scale`` makes
    pixels of the doubled plane of it. ``areas``: (n, 4), left, top, right and bottom of what is to be drawn.
    """
    row = np.empty((field.shape[1], 2), np.float32)
    out, source = plane.reshape(-1), phases.reshape(-1)
    rows, columns = phases.shape[2], phases.shape[3]
    for n in range(areas.shape[0]):
        for y in range(areas[n, 1], areas[n, 3]):
            below = np.float32(((2 * y + cell + 1) % (2 * cell)) / (2 * cell))
            at = (2 * y + cell + 1) // (2 * cell)
            for i in range(row.shape[0]):
                for c in range(2):
                    value = field[at, i, c] + (field[at + 1, i, c] - field[at, i, c]) * below
                    row[i, c] = value * np.float32(scale)
            _glide_row(
                out, y * plane.shape[1], source, (y - top) * columns - left, rows, columns,
                row, cell, areas[n, 0], areas[n, 2],
            )  # fmt: skip
