"""Drawing eyes and brows: each pixel is looked up once, where head, brows and lids take it from. See ``lips``.

An eye's pixel is the lid's or the ball's, over whose white the iris is moved.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import Real, compiled
from app.inference.engines.portrait.eye_colour import draw_mixed, list_mixed, look_up_mixed, room_for
from app.inference.engines.portrait.lanes import LANES
from app.inference.engines.portrait.lid_pixels import BOTTOM, LASHES, LEFT, RIGHT, SKIN_COLOUR, TOP, posed
from app.inference.engines.portrait.lookup import before_head, between_columns, between_rows, head_row, look_up_row
from app.media import FloatArray

Bytes = NDArray[np.uint8]

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)


class Upper(NamedTuple):
    """What the upper face is drawn from.

    ``luma``, ``chroma``: uint8 (1 or 2, rows, columns), its planes doubled, from the pixel ``from_x``, ``from_y``.
    ``left``, ``top``, ``step``: of the brows' grid. ``numbers``: float32 (eyes, NUMBERS). ``edges``: float32 (eyes, 2,
    knots): y of the upper lid, and the opening. ``white``: float32 (eyes, rows, columns), ``taken``: (eyes, 1, …),
    ``tint``: (eyes, 2, …), see ``Eyeball``. ``skins``: float32 (3, rows, columns), Y, U and V of the skin around each
    place, a pixel of chroma each.
    """

    luma: Bytes
    chroma: Bytes
    from_x: int
    from_y: int
    left: int
    top: int
    step: int
    numbers: FloatArray
    edges: FloatArray
    white: FloatArray
    taken: FloatArray
    tint: FloatArray
    skins: FloatArray


@compiled
def draw_upper(
    lumas: Bytes, chromas: Bytes, upper: Upper, brows: FloatArray, poses: FloatArray,
    field: FloatArray, cell: int, areas: NDArray[np.int64],
) -> None:  # fmt: skip
    """Draw eyes and brows into a picture's planes, uint8 (1, height, width) and (2, height / 2, width / 2), in place.

    ``brows``: float32 (rows, columns, 2), from how far across and down a place comes, pixels, on the grid. ``poses``:
    float32 (eyes, POSE). ``field``, ``cell``: the head's, see ``glide``, which has drawn what is left as it is.
    ``areas``: int64 (n, 4), even.
    """
    for n in range(areas.shape[0]):
        left, top, right, bottom = areas[n, 0], areas[n, 1], areas[n, 2], areas[n, 3]
        places = np.empty((2, (bottom - top) // 2 + 2, (right - left) // 2 + 2), np.float32)
        spans = np.empty((places.shape[1], 1 + upper.numbers.shape[0], 2), np.int64)
        _find_places(upper, brows, field, cell, left, top, places, spans)
        _draw(lumas, upper.luma, upper.taken, 0, upper, poses, places, spans, left, top)
        _draw(chromas, upper.chroma, upper.tint, 1, upper, poses, places, spans, left // 2, top // 2)


@compiled
def _find_places(
    upper: Upper, brows: FloatArray, field: FloatArray, cell: int, left: int, top: int, places: FloatArray,
    spans: NDArray[np.int64],
) -> None:  # fmt: skip
    """Find where each pixel of chroma lies in the picture at rest, and of one more around: luma's lie between.

    ``spans``: of each row, the first column that the brows move, and the first that they do not any more; and those
    that lie about each eye.
    """
    origin_x, origin_y, step = np.float32(upper.left), np.float32(upper.top), ONE / np.float32(upper.step)
    flat, rows, columns, numbers = brows.reshape(-1), brows.shape[0], brows.shape[1], upper.numbers
    head = np.empty((2, field.shape[2]), np.float32)
    for row in range(places.shape[1]):
        y = np.float32(top + 2 * row - 2) + HALF
        head_row(field, cell, y, head)
        first, end = places.shape[2], 0
        for k in range(places.shape[2]):
            x_at, y_at = before_head(head, cell, np.float32(left + 2 * k - 2) + HALF, y)
            across, down = _from_brows(flat, rows, columns, (x_at - origin_x) * step, (y_at - origin_y) * step)
            places[0, row, k], places[1, row, k] = x_at + across, y_at + down
            if across != 0 or down != 0:
                first, end = min(first, k), k + 1
        spans[row, 0, 0], spans[row, 0, 1] = first, end
        for e in range(np.uint32(numbers.shape[0])):
            first, end = places.shape[2], 0
            from_x, end_x, from_y, end_y = numbers[e, LEFT], numbers[e, RIGHT], numbers[e, TOP], numbers[e, BOTTOM]
            for k in range(places.shape[2]):
                x_at, y_at = places[0, row, k], places[1, row, k]
                if x_at >= from_x and x_at < end_x and y_at >= from_y and y_at < end_y:
                    first, end = min(first, k), k + 1
            spans[row, 1 + e, 0], spans[row, 1 + e, 1] = first, end


@compiled
def _columns(spans: NDArray[np.int64], row: int, part: int, chroma: int, width: int) -> tuple[int, int]:
    """Return which of a row's pixels a part may change: the first, and the first that it does not any more; even."""
    if chroma == 1:
        return max(0, spans[row + 1, part, 0] - 1), min(width, spans[row + 1, part, 1] - 1)
    above = (row + 1) // 2  # see :func:`between_rows`
    first = min(spans[above, part, 0], spans[above + 1, part, 0])
    end = max(spans[above, part, 1], spans[above + 1, part, 1])
    return max(0, 2 * first - 4), min(width, 2 * end)


@compiled
def _draw(
    planes: Bytes, fine: Bytes, tables: FloatArray, chroma: int, upper: Upper, poses: FloatArray, places: FloatArray,
    spans: NDArray[np.int64], left: int, top: int,
) -> None:  # fmt: skip
    """Draw the luma, or both chromas: ``chroma`` 1. ``tables``: float32 (eyes, planes, rows, columns)."""
    edges, numbers, white, skins = upper.edges, upper.numbers, upper.white, upper.skins
    scale, off = np.float32(2 - chroma), HALF * np.float32(chroma)
    from_x, from_y = np.float32(upper.from_x), np.float32(upper.from_y)
    width = (places.shape[2] - 2) * (2 - chroma)
    between, at = np.empty((2, places.shape[2]), np.float32), np.empty((2, width), np.float32)
    fine_at, drawn = np.empty((2, width + LANES), np.float32), np.empty((2, width + LANES), np.uint8)
    mixed, ends = room_for(width), np.zeros(numbers.shape[0] + 1, np.int64)
    for row in range((places.shape[1] - 2) * (2 - chroma)):
        low, high = width, 0
        for part in range(spans.shape[1]):
            first, end = _columns(spans, row, part, chroma, width)
            if first < end:
                low, high = min(low, first), max(high, end)
        if low >= high:
            continue
        if chroma == 0:
            between_rows(places, row, between)
            between_columns(between, low, high, at)
        for c in range(2):
            origin = from_x if c == 0 else from_y
            for k in range(low, high):
                if chroma == 1:
                    at[c, k] = places[c, row + 1, k + 1]
                fine_at[c, k] = scale * (at[c, k] - origin) - off
        for e in range(np.uint32(numbers.shape[0])):
            first, end = _columns(spans, row, 1 + e, chroma, width)
            eye = posed(numbers[e], poses[e])
            ends[e + 1] = list_mixed(mixed, ends[e], eye, edges, e, at, fine_at, scale, first, end)
        for c in range(np.uint32(planes.shape[0])):
            for part in range(spans.shape[1]):
                first, end = _columns(spans, row, part, chroma, width)
                look_up_row(drawn[c], fine[c], fine_at[0], fine_at[1], first, end)
            look_up_mixed(mixed, fine[c], ends[-1])
            for e in range(np.uint32(numbers.shape[0])):
                eye = posed(numbers[e], poses[e])
                table_x, table_y = scale * (from_x - eye.fine_x), scale * (from_y - eye.fine_y)
                plain, lashes = numbers[e, SKIN_COLOUR + chroma + c], numbers[e, LASHES + chroma + c]
                draw_mixed(
                    drawn[c], mixed, ends[e], ends[e + 1], eye, chroma, tables[e, c], white[e], skins[chroma + c],
                    plain, lashes, table_x, table_y,
                )  # fmt: skip
            for part in range(spans.shape[1]):
                first, end = _columns(spans, row, part, chroma, width)
                if first < end:
                    planes[c, top + row, left + first : left + end] = drawn[c, first:end]


@compiled
def _from_brows(flat: FloatArray, rows: int, columns: int, x: Real, y: Real) -> tuple[Real, Real]:
    if not (x >= 0 and y >= 0 and x < np.float32(columns - 1) and y < np.float32(rows - 1)):
        return ZERO, ZERO
    i, j = int(x), int(y)
    a = 2 * (j * columns + i)
    c = a + 2 * columns
    right, down = x - np.float32(i), y - np.float32(j)
    across = flat[a] + (flat[a + 2] - flat[a]) * right
    under = flat[c] + (flat[c + 2] - flat[c]) * right
    beside = flat[a + 1] + (flat[a + 3] - flat[a + 1]) * right
    below = flat[c + 1] + (flat[c + 3] - flat[c + 1]) * right
    return across + (under - across) * down, beside + (below - beside) * down
