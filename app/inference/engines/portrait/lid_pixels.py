"""Where an eye's pixels come from, as its lids are held: lids stretch the skin above and below them.

Between them lies the ball; lids that open further than in the picture stretch what lies between them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from app.inference.engines.portrait.compiled import Real, compiled
from app.media import FloatArray

ZERO, HALF, ONE, TWO, THREE = (np.float32(number) for number in (0, 0.5, 1, 2, 3))
CHEEK = np.float32(0.25)  # widths of the eye below it, where the lower lid's movement ends
UNFOLDED = np.float32(0.7)  # how much of its new skin's colour a closed lid takes from the skin above
LASH = np.float32(0.030)  # thickness of the lashes' line
LASH_SHARE = np.float32(0.6)  # how much of that line is in the lashes' colour on a closed lid
MIN_OPENING = np.float32(0.14)
STRETCHED = np.float32(0.48)  # of the opening, that a lid stretches which opens further
BALL_EDGE = np.float32(0.03)  # widths of the eye from the lids' edges, over which the ball's own movement sets in

# places in an eye's numbers
CENTRE_X, CENTRE_Y, ALONG_X, ALONG_Y, WIDTH, FROM_X, PER_X, SKIN = range(8)
LEFT, TOP, RIGHT, BOTTOM, MOVES, FINE_X, FINE_Y, SPARE, SKIN_COLOUR, LASHES = (*range(8, 17), 19)
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


@compiled
def posed(eye: FloatArray, pose: FloatArray) -> Posed:
    """Take one eye's numbers, float32 (NUMBERS,), and its pose, (POSE,)."""
    return Posed(
        eye[CENTRE_X], eye[CENTRE_Y], eye[ALONG_X], eye[ALONG_Y], eye[WIDTH], ONE / eye[WIDTH], eye[FROM_X], eye[PER_X],
        eye[SKIN], eye[MOVES] > ZERO, eye[FINE_X], eye[FINE_Y], eye[SPARE], pose[GAZE_X], pose[GAZE_Y], pose[DROP],
        pose[LIFT], pose[FOLLOW], pose[FOLLOW_LOWER], pose[SHUT],
    )  # fmt: skip


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
