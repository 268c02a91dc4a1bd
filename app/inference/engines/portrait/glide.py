"""Moving planes by a field of displacements: the head's whole movement, in one compiled pass over the pixels.

The field is known at the middles of cells and linear between them. So along a row it is linear over a cell's width, and
mostly lies between the same two pixels of the finer grid there: such a run reads four runs of neighbouring bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import Real, compiled
from app.inference.engines.portrait.lanes import (
    LANES,
    LONG_RUN,
    UNIT,
    draw_lanes_within,
    draw_long_run,
    draw_long_step,
    draw_run,
    draw_step,
)
from app.media import FloatArray

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int32]

HALF, ONE = np.float32(0.5), np.float32(1)


@compiled
def glide(
    planes: Bytes, phases: Bytes, left: int, top: int, field: FloatArray, cell: int, scale: float,
    areas: NDArray[np.int64],
) -> None:  # fmt: skip
    """Look planes' pixels up where they come from, in place: (n, height, width), such as both chromas.

    ``phases``: theirs (n, 2, 2, rows, columns), see ``fine``; they begin at the planes' pixel (``left``, ``top``) and
    hold all that is looked up. ``field``: float32 (rows, 2, columns), x and y, from the cell before the planes' first
    on; ``cell``: its pixels, 8 or 16; ``scale`` makes pixels of the doubled planes of it. ``areas``: (n, 4), left, top,
    right and bottom of what is to be drawn.
    """
    values, count = field.reshape(-1), 2 * field.shape[2]  # a row's x and its y after one another
    moves, runs = np.empty((2, count), np.float32), np.empty((4, count), np.int32)
    for n in range(areas.shape[0]):
        for to in range(areas[n, 1], areas[n, 3]):
            above = (2 * to + cell + 1) // (2 * cell)
            down = np.float32(2 * to + cell + 1 - 2 * cell * above) / np.float32(2 * cell)
            _between(values, above * count, down, np.float32(scale), moves[0])
            _slopes(moves[0], ONE / np.float32(cell), moves[1])
            _runs(moves[0], moves[1], np.float32(cell), runs[0], runs[1], runs[2], runs[3])
            _glide_row(planes, to, phases, to - top, left, moves, runs, cell, areas[n, 0], areas[n, 2])


@compiled
def _between(values: FloatArray, at: int, down: Real, scale: Real, out: FloatArray) -> None:
    """Interpolate a row between the field's row that begins ``at`` and the next."""
    count = out.shape[0]
    for k in range(count):
        out[k] = (values[at + k] + (values[at + count + k] - values[at + k]) * down) * scale


@compiled
def _slopes(values: FloatArray, per_pixel: Real, out: FloatArray) -> None:
    """Write by how much a row rises from each pixel to the next."""
    for k in range(out.shape[0] - 1):
        out[k] = (values[k + 1] - values[k]) * per_pixel


@compiled
def _runs(
    values: FloatArray,
    slopes: FloatArray,
    cell: Real,
    pixels: Integers,
    shares: Integers,
    steps: Integers,
    parts: Integers,
) -> None:
    """Say of each run between two middles where its pixels lie.

    ``pixels``: the first, in the doubled planes, from its own place; ``shares``: how far on the way to the next, of
    ``UNIT``; ``steps``: by how much more each after it; ``parts``: by how many pixels the last one lies elsewhere.
    """
    for k in range(pixels.shape[0] - 1):
        first = values[k] + slopes[k] * HALF
        pixel = np.floor(first)
        pixels[k] = np.int32(pixel)
        shares[k] = np.int32((first - pixel) * np.float32(UNIT))
        steps[k] = np.int32(slopes[k] * np.float32(UNIT))
        parts[k] = np.int32(np.floor(first + slopes[k] * (cell - ONE)) - pixel)


@compiled
def _glide_row(
    planes: Bytes, to_row: int, phases: Bytes, row: int, left: int, moves: FloatArray, runs: Integers,
    cell: int, first: int, end: int,
) -> None:  # fmt: skip
    """Draw a row's pixels from ``first`` to ``end``. ``moves``: displacements, slopes; ``runs``: see :func:`_runs`."""
    out, source, count = planes.reshape(-1), phases.reshape(-1), planes.shape[0]
    out_size, size, rows, columns = planes[0].size, phases[0].size, phases.shape[3], phases.shape[4]
    of_y = moves.shape[1] // 2
    to, at, half = to_row * planes.shape[2], row * columns - left, cell // 2
    known_x, known_y = np.int32(0), np.int32(0)
    a, b, c, d = _begins(0, 0, rows, columns)
    x = first
    while x < end:
        i = (x + half) // cell
        stop = min(end, i * cell + half)
        if stop - x < cell or runs[3, i] != 0 or runs[3, of_y + i] != 0:
            along = np.float32(x - (i * cell - half)) + HALF
            slope_x, slope_y = moves[1, i], moves[1, of_y + i]
            move_x, move_y = moves[0, i] + slope_x * along, moves[0, of_y + i] + slope_y * along
            lanes = cell if stop - x == cell and abs(runs[3, i]) <= 1 and abs(runs[3, of_y + i]) <= 1 else LANES
            for n in range(count):
                _draw_parted(
                    out, n * out_size + to + x, source, n * size + at + x, rows, columns,
                    move_x, move_y, slope_x, slope_y, stop - x, lanes,
                )  # fmt: skip
            x = stop
            continue
        if runs[0, i] != known_x or runs[0, of_y + i] != known_y:
            known_x, known_y = runs[0, i], runs[0, of_y + i]
            a, b, c, d = _begins(known_x, known_y, rows, columns)
        share_x, share_y = np.int16(runs[1, i]), np.int16(runs[1, of_y + i])
        step_x, step_y = np.int16(runs[2, i]), np.int16(runs[2, of_y + i])
        for n in range(count):
            place, here = n * out_size + to + x, n * size + at + x
            if cell == LONG_RUN:
                draw_long_run(
                    out, place, source, here + a, here + b, here + c, here + d, share_x, share_y, step_x, step_y
                )
            else:
                draw_run(out, place, source, here + a, here + b, here + c, here + d, share_x, share_y, step_x, step_y)
        x = stop


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
    out: Bytes, to: int, source: Bytes, at: int, rows: int, columns: int, x: Real, y: Real, step_x: Real, step_y: Real,
    count: int, lanes: int,
) -> None:  # fmt: skip
    """Draw ``count`` pixels that need not all lie between the same four. ``x``, ``y``: the first one's displacement.

    ``lanes``: ``LONG_RUN`` at once where no two of them lie further than one pixel of the finer grid from another's.
    """
    k = 0
    while k + lanes <= count:
        far_x, far_y = x + step_x * np.float32(lanes - 1), y + step_y * np.float32(lanes - 1)
        left, upper = int(np.floor(min(x, far_x))), int(np.floor(min(y, far_y)))
        right, lower = int(np.floor(max(x, far_x))), int(np.floor(max(y, far_y)))
        if right - left <= 1 and lower - upper <= 1:
            _draw_step(
                out, to + k, source, at + k, rows, columns, left, upper,
                x - np.float32(left), y - np.float32(upper), step_x, step_y, lanes,
            )  # fmt: skip
            x, y, k = x + step_x * np.float32(lanes), y + step_y * np.float32(lanes), k + lanes
            continue
        for py in range(upper, lower + 1):
            for px in range(left, right + 1):
                a, b, c, d = _begins(px, py, rows, columns)
                off_x, off_y, here = x - np.float32(px), y - np.float32(py), at + k
                draw_lanes_within(
                    out, to + k, source, here + a, here + b, here + c, here + d, off_x, off_y, step_x, step_y
                )
        x, y, k = x + step_x * np.float32(LANES), y + step_y * np.float32(LANES), k + LANES
    while k < count:
        out[to + k] = _pixel(source, at + k, rows, columns, x, y)
        x, y, k = x + step_x, y + step_y, k + 1


@compiled
def _draw_step(
    out: Bytes, to: int, source: Bytes, at: int, rows: int, columns: int, left: int, upper: int, x: Real, y: Real,
    step_x: Real, step_y: Real, lanes: int,
) -> None:  # fmt: skip
    """Draw ``LANES`` pixels, or a ``LONG_RUN``, that lie within three by three from ``left``, ``upper`` on.

    ``x``, ``y``: the first one's place, from there.
    """
    a, b, d, e = _begins(left, upper, rows, columns)
    f, _, g, _ = _begins(left + 2, upper, rows, columns)
    h, i, _, _ = _begins(left, upper + 2, rows, columns)
    ninth, _, _, _ = _begins(left + 2, upper + 2, rows, columns)
    half = np.float32(UNIT // 2)
    first, second, third = (at + a, at + b, at + f), (at + d, at + e, at + g), (at + h, at + i, at + ninth)
    x, y, step_x, step_y = np.int16(x * half), np.int16(y * half), np.int16(step_x * half), np.int16(step_y * half)
    if lanes == LONG_RUN:
        draw_long_step(out, to, source, first, second, third, x, y, step_x, step_y)
    else:
        draw_step(out, to, source, first, second, third, x, y, step_x, step_y)


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
