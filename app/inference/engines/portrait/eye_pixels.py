"""Drawing eyes and brows: each pixel is looked up once, where head, brows and lids take it from. See ``lips``.

An eye's pixel is the lid's or the ball's. Lids stretch the skin above and below them; between them the iris is moved
over the white, and lids that open further stretch what lies between them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import Real, compiled
from app.inference.engines.portrait.lanes import LANES
from app.inference.engines.portrait.lookup import BARELY_ONE, before_head, byte_of, head_row, look_up_row
from app.media import FloatArray

Bytes = NDArray[np.uint8]

ZERO, HALF, ONE, TWO, THREE = (np.float32(number) for number in (0, 0.5, 1, 2, 3))
CHEEK = np.float32(0.25)  # widths of the eye below it, where the lower lid's movement ends
UNFOLDED = np.float32(0.7)  # how much of its new skin's colour a closed lid takes from the skin above
PLAIN = np.float32(0.5)  # of that is one plain colour, as skin in a fold lies in its shadow
LASH = np.float32(0.030)  # thickness of the lashes' line
LASH_SHARE = np.float32(0.6)  # how much of that line is in the lashes' colour on a closed lid
MIN_OPENING = np.float32(0.14)
STRETCHED = np.float32(0.48)  # of the opening, that a lid stretches which opens further
BALL_EDGE = np.float32(0.03)  # widths of the eye from the lids' edges, over which the ball's own movement sets in

# places in an eye's numbers
(CENTRE_X, CENTRE_Y, ALONG_X, ALONG_Y, WIDTH, FROM_X, PER_X, SKIN, LEFT, TOP, RIGHT, BOTTOM, MOVES, FINE_X, FINE_Y, SPARE,
 SKIN_COLOUR, LASHES) = (*range(17), 19)  # fmt: skip
NUMBERS = 22
# places in an eye's pose
GAZE_X, GAZE_Y, DROP, LIFT, FOLLOW, FOLLOW_LOWER, SHUT = range(7)
POSE = 7


class Posed(NamedTuple):
    """One eye's numbers and its pose, as floats that a loop keeps at hand; see there."""

    x: float
    y: float
    along_x: float
    along_y: float
    width: float
    per_width: float
    from_x: float
    per_x: float
    skin: float
    moves: bool
    fine_x: float
    fine_y: float
    spare: float
    gaze_x: float
    gaze_y: float
    drop: float
    lift: float
    follow: float
    follow_lower: float
    shut: float


class Upper(NamedTuple):
    """What the upper face is drawn from.

    ``luma``, ``chroma``: uint8 (1 or 2, rows, columns), its planes doubled, from the pixel ``from_x``, ``from_y``, even.
    ``left``, ``top``, ``step``: of the brows' grid. ``numbers``: float32 (eyes, NUMBERS). ``edges``: float32 (eyes, 2,
    knots): y of the upper lid, and the opening. ``white``: float32 (eyes, rows, columns), ``taken``: (eyes, 1, …),
    ``tint``: (eyes, 2, …), see ``Eyeball``. ``skins``: float32 (3, rows, columns), Y, U and V of the skin above each
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
    float32 (eyes, POSE). ``field``, ``cell``: the head's, see ``glide``. ``areas``: int64 (n, 4), even.
    """
    for chroma in range(2):
        _draw(
            lumas if chroma == 0 else chromas, upper.luma if chroma == 0 else upper.chroma,
            upper.taken if chroma == 0 else upper.tint, chroma, upper, brows, poses, field, cell,
            areas if chroma == 0 else areas // 2,
        )  # fmt: skip


@compiled
def _draw(
    planes: Bytes, fine: Bytes, tables: FloatArray, chroma: int, upper: Upper, brows: FloatArray, poses: FloatArray,
    field: FloatArray, cell: int, areas: NDArray[np.int64],
) -> None:  # fmt: skip
    """Draw the luma, or both chromas: ``chroma`` 1. ``tables``: float32 (eyes, planes, rows, columns)."""
    edges, numbers, white, skins = upper.edges, upper.numbers, upper.white, upper.skins
    unit, scale, off = np.float32(1 + chroma), np.float32(2 - chroma), HALF * np.float32(chroma)
    from_x, from_y, step = np.float32(upper.from_x), np.float32(upper.from_y), ONE / np.float32(upper.step)
    origin_x, origin_y = np.float32(upper.left), np.float32(upper.top)
    flat, rows, columns = brows.reshape(-1), brows.shape[0], brows.shape[1]
    head, widest = np.empty((2, field.shape[2]), np.float32), planes.shape[2]
    at, places = np.empty((2, widest), np.float32), np.empty((2, widest + LANES), np.float32)
    drawn = np.empty((2, widest + LANES), np.uint8)
    values, special = np.empty((2, widest), np.float32), np.empty(widest, np.bool_)
    for n in range(areas.shape[0]):
        left, width = areas[n, 0], areas[n, 2] - areas[n, 0]
        for row in range(areas[n, 1], areas[n, 3]):
            y = unit * np.float32(row) + off
            head_row(field, cell, y, head)
            for k in range(width):
                x_at, y_at = before_head(head, cell, unit * np.float32(left + k) + off, y)
                across, down = _from_brows(flat, rows, columns, (x_at - origin_x) * step, (y_at - origin_y) * step)
                at[0, k], at[1, k] = x_at + across, y_at + down
                places[0, k] = scale * (at[0, k] - from_x) - off
                places[1, k] = scale * (at[1, k] - from_y) - off
                special[k] = False
            for e in range(np.uint32(numbers.shape[0])):
                eye, first, end, low, high = _posed(numbers[e], poses[e]), numbers[e, LEFT], numbers[e, RIGHT], numbers[e, TOP], numbers[e, BOTTOM]
                for k in range(width):
                    x_at, y_at = at[0, k], at[1, k]
                    if x_at < first or x_at >= end or y_at < low or y_at >= high:
                        continue
                    stays, cover, of_lid, of_eye, new_skin, lash, ball = lids_at(eye, edges, e, x_at, y_at)
                    if stays:
                        continue
                    special[k] = True
                    for c in range(np.uint32(planes.shape[0])):
                        plain, lashes = numbers[e, SKIN_COLOUR + chroma + c], numbers[e, LASHES + chroma + c]
                        values[c, k] = _eye_pixel(
                            fine, white, tables, skins, eye, e, c, chroma, cover, of_lid, of_eye, new_skin * PLAIN,
                            new_skin, plain, ball, x_at, y_at, from_x, from_y, scale, off,
                        )  # fmt: skip
                        values[c, k] += (lashes - values[c, k]) * lash
            for c in range(planes.shape[0]):
                look_up_row(drawn[c], fine[c], places[0], places[1], 0, width)
                for k in range(width):
                    planes[c, row, left + k] = byte_of(values[c, k]) if special[k] else drawn[c, k]


@compiled
def _eye_pixel(
    fine: Bytes, white: FloatArray, tables: FloatArray, skins: FloatArray, eye: Posed,
    e: int, c: int, chroma: int, cover: Real, of_lid: Real, of_eye: Real, of_plain: Real, new_skin: Real, plain: Real,
    ball: Real, x: Real, y: Real, from_x: Real, from_y: Real, scale: Real, off: Real,
) -> Real:  # fmt: skip
    """Return an eye's value at a place, in plane ``c``, without lashes; see :func:`lids_at`."""
    down_x, down_y = -eye.along_y, eye.along_x
    value = ZERO
    if cover < ONE:
        at_x, at_y = x + of_eye * down_x, y + of_eye * down_y
        value = _fine_at(fine, c, scale * (at_x - from_x) - off, scale * (at_y - from_y) - off)
        if ball > ZERO:
            fine_x, fine_y = scale * (at_x - eye.fine_x) - off, scale * (at_y - eye.fine_y) - off
            here = _table_at(tables, e, c, fine_x, fine_y)
            there = _table_at(tables, e, c, fine_x - scale * eye.gaze_x, fine_y - scale * eye.gaze_y)
            if here != there:
                light = ONE if chroma == 1 else _plain_at(white, e, fine_x, fine_y)
                value += ball * light * (there - here)
    if cover > ZERO:
        at_x, at_y = x + of_lid * down_x, y + of_lid * down_y
        lid = _fine_at(fine, c, scale * (at_x - from_x) - off, scale * (at_y - from_y) - off)
        if new_skin > ZERO:
            quarter = np.float32(0.25)
            above = _plain_at(skins, chroma + c, HALF * (at_x - from_x) - quarter, HALF * (at_y - from_y) - quarter)
            lid += (above - lid) * new_skin + (plain - above) * of_plain
        value += (lid - value) * cover
    return value


@compiled
def _fine_at(planes: Bytes, c: int, x: Real, y: Real) -> Real:
    x = min(np.float32(planes.shape[2]) - BARELY_ONE, max(ZERO, x))
    y = min(np.float32(planes.shape[1]) - BARELY_ONE, max(ZERO, y))
    i, j = np.uint32(x), np.uint32(y)
    across, down = x - np.float32(i), y - np.float32(j)
    a, b = np.float32(planes[c, j, i]), np.float32(planes[c, j, i + np.uint32(1)])
    below = j + np.uint32(1)
    d, f = np.float32(planes[c, below, i]), np.float32(planes[c, below, i + np.uint32(1)])
    a += (b - a) * across
    return a + (d + (f - d) * across - a) * down


@compiled
def _plain_at(planes: FloatArray, c: int, x: Real, y: Real) -> Real:
    x = min(np.float32(planes.shape[2]) - BARELY_ONE, max(ZERO, x))
    y = min(np.float32(planes.shape[1]) - BARELY_ONE, max(ZERO, y))
    i, j = np.uint32(x), np.uint32(y)
    across, down = x - np.float32(i), y - np.float32(j)
    a, b = planes[c, j, i], planes[c, j, i + np.uint32(1)]
    below = j + np.uint32(1)
    d, f = planes[c, below, i], planes[c, below, i + np.uint32(1)]
    a += (b - a) * across
    return a + (d + (f - d) * across - a) * down


@compiled
def _table_at(tables: FloatArray, e: int, c: int, x: Real, y: Real) -> Real:
    x = min(np.float32(tables.shape[3]) - BARELY_ONE, max(ZERO, x))
    y = min(np.float32(tables.shape[2]) - BARELY_ONE, max(ZERO, y))
    i, j = np.uint32(x), np.uint32(y)
    across, down = x - np.float32(i), y - np.float32(j)
    a, b = tables[e, c, j, i], tables[e, c, j, i + np.uint32(1)]
    below = j + np.uint32(1)
    d, f = tables[e, c, below, i], tables[e, c, below, i + np.uint32(1)]
    a += (b - a) * across
    return a + (d + (f - d) * across - a) * down


@compiled
def lids_at(
    eye: Posed, edges: FloatArray, e: int, px: Real, py: Real
) -> tuple[bool, Real, Real, Real, Real, Real, Real]:
    """Say what lies at a place of the picture at rest, and from where it comes: whether it stays as it is;

    how much the lid covers, 0…1; how far down the lid's and the ball's pixel lie; how much of the lid there is new
    skin, and of its edge are lashes; and how freely the iris moves.
    """
    off_x, off_y, width, per_width = px - eye.x, py - eye.y, eye.width, eye.per_width
    x = (off_x * eye.along_x + off_y * eye.along_y) * per_width
    y = (off_y * eye.along_x - off_x * eye.along_y) * per_width
    at = (x - eye.from_x) * eye.per_x
    if at <= ZERO or at >= np.float32(edges.shape[2] - 1) - np.float32(0.01):
        return True, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    i = np.uint32(at)
    between, after = at - np.float32(i), i + np.uint32(1)
    opening = edges[e, 1, i] + (edges[e, 1, after] - edges[e, 1, i]) * between
    if opening <= ZERO:
        return True, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    rest = edges[e, 0, i] + (edges[e, 0, after] - edges[e, 0, i]) * between
    shape = min(ONE, opening / MIN_OPENING)
    drop = min(opening * eye.drop + shape * eye.follow, opening)
    lift = min(opening * eye.lift + shape * eye.follow_lower, opening - drop)
    above = rest + drop - y
    height = min(ONE, max(ZERO, above / max(eye.skin + drop, np.float32(0.05))))
    depth = (y - rest - opening + lift) / CHEEK
    if height >= ONE or depth >= ONE:
        return True, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    cover = min(ONE, max(ZERO, above * width + HALF))
    of_lid = drop * (height * height * (THREE - TWO * height) - ONE) * width
    of_eye = _of_eye(rest, opening, drop, lift, depth, y) * width
    shut = shape * eye.shut
    new_skin, lash, ball = ZERO, ZERO, ZERO
    if shut > ZERO:
        rise = min(ONE, max(ZERO, (height - np.float32(0.12)) / np.float32(0.15)))
        fall = min(ONE, max(ZERO, (np.float32(0.85) - height) / HALF))
        new_skin = UNFOLDED * shut * rise * fall
        thickness = max(LASH, np.float32(0.8) * per_width)
        line = abs(above - np.float32(0.3) * thickness) / thickness
        if line < THREE:
            lash = LASH_SHARE * shut * np.exp(-line * line)
    if eye.moves and cover < ONE:
        source = y + of_eye * per_width
        edge = max(BALL_EDGE, np.float32(1.2) * per_width)
        free = min(source - rest, rest + opening - eye.spare - source) / edge
        ball = min(ONE, max(ZERO, free)) * min(ONE, max(ZERO, opening / np.float32(0.12)))
    stays = ball == ZERO and of_lid == ZERO and of_eye == ZERO and lash == ZERO
    return stays, cover, of_lid, of_eye, new_skin, lash, ball


@compiled
def _of_eye(rest: Real, opening: Real, drop: Real, lift: Real, depth: Real, y: Real) -> Real:
    """Return how far down, in widths of the eye, what shows below the upper lid's edge comes from."""
    if depth > ZERO:
        return lift * (ONE - depth) * (ONE - depth)
    move, reach = ZERO, STRETCHED * opening
    if drop < ZERO:
        t = min(ONE, max(ZERO, (y - rest - drop) / reach))
        move -= drop * (ONE - t * t * (THREE - TWO * t))
    if lift < ZERO:
        t = min(ONE, max(ZERO, (rest + opening - lift - y) / reach))
        move += lift * (ONE - t * t * (THREE - TWO * t))
    return move


@compiled
def _posed(eye: FloatArray, pose: FloatArray) -> Posed:
    return Posed(
        eye[CENTRE_X], eye[CENTRE_Y], eye[ALONG_X], eye[ALONG_Y], eye[WIDTH], ONE / eye[WIDTH], eye[FROM_X], eye[PER_X],
        eye[SKIN], eye[MOVES] > ZERO, eye[FINE_X], eye[FINE_Y], eye[SPARE], pose[GAZE_X], pose[GAZE_Y], pose[DROP],
        pose[LIFT], pose[FOLLOW], pose[FOLLOW_LOWER], pose[SHUT],
    )  # fmt: skip


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
