"""Moving planes by a field of displacements: the head's whole movement, in one compiled pass over the pixels.

The field is known at the middles of cells and linear between them. So along a row it is linear over a cell's width: a
run of pixels, of which most lie between the same two pixels of the finer grid and its neighbours between the next two.
See ``runs``. All that says where a run lies is computed for a whole row at once, in whole numbers: none of it rounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import Real, compiled
from app.inference.engines.portrait.memory import copy_bytes, fetch_early
from app.inference.engines.portrait.runs import (
    FARTHEST,
    RUN,
    SHARE_BITS,
    draw_level,
    draw_steep,
    draw_step,
)
from app.media import FloatArray

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int32]

HALF, ONE = np.float32(0.5), np.float32(1)
WHOLE = np.float32(1 << SHARE_BITS)  # of a place
AHEAD_ROWS = 3  # of luma, that are fetched before they are drawn: their doubles are more than a core keeps at hand


@compiled
def glide(
    planes: Bytes, fine: Bytes, left: int, top: int, field: FloatArray, cell: int, scale: float,
    areas: NDArray[np.int64],
) -> None:  # fmt: skip
    """Look planes' pixels up where they come from, in place: (n, height, width), such as both chromas.

    ``fine``: their doubles (n, rows, columns), see there; they begin at the planes' pixel (``left``, ``top``) and
    hold all that is looked up. ``field``: float32 (rows, 2, columns), x and y, from the cell before the planes' first
    on; ``cell``: its pixels, 16 of one plane or 8 of one or two; ``scale`` makes pixels of the doubled planes of it.
    ``areas``: (n, 4), left, top, right and bottom of what is to be drawn.
    """
    values, count = field.reshape(-1), 2 * field.shape[2]  # a row's x and its y after one another
    moves, runs = np.empty(count, np.float32), np.empty((4, count), np.int32)
    drawn = np.empty(2 * (planes.shape[2] + 4 * RUN), np.uint8)
    # as flat arrays: one that is made in the loop is counted, each time
    out, source, size, stride = planes.reshape(-1), fine.reshape(-1), fine.shape[1] * fine.shape[2], fine.shape[2]
    other = (fine.shape[0] - 1) * size  # the second plane, where there is one
    for n in range(areas.shape[0]):
        for to in range(areas[n, 1], areas[n, 3]):
            above = (2 * to + cell + 1) // (2 * cell)
            down = np.float32(2 * to + cell + 1 - 2 * cell * above) / np.float32(2 * cell)
            _between(values, above * count, down, np.float32(scale), moves)
            _runs(moves, ONE / np.float32(cell), cell - 1, runs[0], runs[1], runs[2], runs[3])
            at = 2 * (to - top) * stride - 2 * left
            _glide_row(drawn, source, size, stride, other, at, runs, cell, areas[n, 0], areas[n, 2])
            first = areas[n, 0]
            for c in range(planes.shape[0]):
                shown = c * drawn.shape[0] // 2 + (first + cell // 2) % cell
                copy_bytes(out, (c * planes.shape[1] + to) * planes.shape[2] + first, drawn, shown, areas[n, 2] - first)


@compiled
def _between(values: FloatArray, at: int, down: Real, scale: Real, out: FloatArray) -> None:
    """Interpolate a row between the field's row that begins ``at`` and the next."""
    count = out.shape[0]
    for k in range(count):
        out[k] = (values[at + k] + (values[at + count + k] - values[at + k]) * down) * scale


@compiled
def _runs(
    values: FloatArray, per_pixel: Real, last: int, pixels: Integers, starts: Integers, steps: Integers, parts: Integers
) -> None:
    """Say of each run between two middles where its pixels come from, ``last`` being the last of them.

    ``pixels``: the first pixel of the double at which any of them begins, from its own place; ``starts``: how far from
    there the first one lies, and ``steps`` each from the one before it, of ``WHOLE``; ``parts``: at how many pixels
    more others begin.
    """
    for k in range(pixels.shape[0] - 1):
        slope = (values[k + 1] - values[k]) * per_pixel
        first = np.int32(np.floor((values[k] + slope * HALF) * WHOLE))
        step = np.int32(np.floor(slope * WHOLE + HALF))
        end = first + step * np.int32(last)
        least = min(first, end) >> np.int32(SHARE_BITS)
        pixels[k], starts[k], steps[k] = least, first - (least << np.int32(SHARE_BITS)), step
        parts[k] = (max(first, end) >> np.int32(SHARE_BITS)) - least


@compiled
def _glide_row(
    drawn: Bytes, source: Bytes, size: int, stride: int, other: int, at: int, runs: Integers, cell: int, first: int,
    end: int,
) -> None:  # fmt: skip
    """Draw a row's pixels from ``first`` to ``end``, by whole runs into ``drawn``. ``runs``: see :func:`_runs`.

    ``source``: a doubled plane of ``size``, its rows ``stride`` apart; ``other`` bytes on another, if not 0. ``at``:
    where in it the row's pixel 0 lies.
    """
    of_y, half = runs.shape[1] // 2, cell // 2
    first_run, end_run = (first + half) // cell, (end - 1 + half) // cell + 1
    begin = first_run * cell - half
    at, out, other_out = at + 2 * begin, 0, drawn.shape[0] // 2
    for run in range(first_run, end_run):
        i, j = np.uint32(run), np.uint32(run + of_y)
        parts_x, parts_y = int(runs[3, i]), int(runs[3, j])
        here = at + runs[0, j] * stride + runs[0, i]
        if here < 0 or here + (parts_y + 1) * stride + parts_x + 2 * cell > size or max(parts_x, parts_y) > FARTHEST:
            for n in range(2 if other else 1):  # it may reach beyond the pixels that are there
                _draw_each(
                    drawn, n * other_out + out, source, n * size + at, stride, runs, run, cell,
                    first - begin - out, end - begin - out,
                )  # fmt: skip
        elif cell == RUN:
            for row in range(2 * AHEAD_ROWS, 2 * AHEAD_ROWS + 2):
                fetch_early(source, here + row * stride)
            _draw_run(drawn, (out,), source, (here,), stride, runs, run, parts_x, parts_y)
        else:
            _draw_run(drawn, (out, other_out + out), source, (here, other + here), stride, runs, run, parts_x, parts_y)
        at, out = at + 2 * cell, out + cell


@compiled
def _draw_run(
    out: Bytes, to: tuple[int, ...], source: Bytes, at: tuple[int, ...], stride: int, runs: Integers, run: int,
    parts_x: int, parts_y: int,
) -> None:  # fmt: skip
    """Draw a run of one plane, or of two; see ``runs``."""
    i, j = np.uint32(run), np.uint32(run + runs.shape[1] // 2)
    places, parts = (runs[1, i], runs[1, j], runs[2, i], runs[2, j]), (parts_x, parts_y)
    if parts_x == 0 and parts_y == 0:
        draw_level(out, to, source, at, stride, places, parts)
    elif parts_x <= 1 and parts_y <= 1:
        draw_step(out, to, source, at, stride, places, parts)
    else:
        draw_steep(out, to, source, at, stride, places, parts)


@compiled
def _draw_each(
    out: Bytes, to: int, source: Bytes, at: int, stride: int, runs: Integers, run: int, count: int, first: int, end: int
) -> None:
    """Draw those of a run's pixels that lie from ``first`` to ``end``, one by one."""
    i, j = run, run + runs.shape[1] // 2
    for k in range(max(0, first), min(count, end)):
        x, y = runs[1, i] + k * runs[2, i], runs[1, j] + k * runs[2, j]
        a = at + 2 * k + (runs[0, j] + (y >> SHARE_BITS)) * stride + runs[0, i] + (x >> SHARE_BITS)
        across, down = np.float32(x & (1 << SHARE_BITS) - 1) / WHOLE, np.float32(y & (1 << SHARE_BITS) - 1) / WHOLE
        upper, lower = np.float32(source[a]), np.float32(source[a + stride])
        upper += (np.float32(source[a + 1]) - upper) * across
        lower += (np.float32(source[a + stride + 1]) - lower) * across
        out[to + k] = np.uint8(np.int32(upper + (lower - upper) * down + HALF))
