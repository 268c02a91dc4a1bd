"""Moves a face mesh so that its mouth lies where a person put it; what is far from the mouth stays.

Each frame is seen from its own mouth: x along it, −1…1 between the corners, y towards the chin in mouth widths.
A ring of the lips keeps its ends and its shape: the shift of its middle dies away towards them along a parabola, which
is about the shape of a lip. The skin follows the lips, less and less up to the nose, to the sides and to the chin.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.avatars.avatar import Avatar, VideoLoop
from app.avatars.mouth import CLOSED, HANDLE_POINTS, LEFT, MIN_WIDTH, RIGHT, ROWS, Points, mouth_axes
from app.faces.mesh import (
    CHIN,
    LEFT_EYE,
    LIP_POINTS,
    LOWER_LIP_RINGS,
    NOSE_BASE,
    RIGHT_EYE,
    RING_MIDDLE,
    UPPER_LIP_RINGS,
)
from app.media import FloatArray
from app.smoothstep import smoothstep

TOP_SHIFT, UPPER_SHIFT, LOWER_SHIFT, BOTTOM_SHIFT, CHIN_SHIFT = 2, 3, 4, 5, 6  # places in HANDLES

CHEEK_REACH = 2.2  # half mouth widths from the middle: beyond, the corners pull nothing along
JAW_REACH = 2.7  # half mouth widths from the chin: beyond, the jaw stays
LEAST = 0.02  # mouth widths: two rows count as at least so far apart


def corrected(avatar: Avatar, mouth: Points) -> Avatar:
    """Return an avatar with its mouth where it was put in the picture, or in a video's first frame."""
    video = avatar.video
    if video is None:
        return replace(avatar, mesh=moved(avatar.mesh[None], mouth)[0])
    meshes = moved(video.meshes, mouth)
    return replace(avatar, mesh=meshes[0], video=VideoLoop(video.frames, meshes))


def moved(meshes: FloatArray, mouth: Points) -> FloatArray:
    """Move the meshes of a face's frames, float32 (n, 468, 2); ``mouth`` is where the first one's handles go.

    The later frames follow in the face's own measure: level with the eyes, scaled along them by their distance
    and across by the nose's height.
    """
    targets = _ordered(_parted(meshes[:, HANDLE_POINTS] + _carried(mouth - meshes[0, HANDLE_POINTS], meshes), meshes))
    targets[0] = mouth
    shifts = (targets - meshes[:, HANDLE_POINTS]).astype(np.float32)
    x, y = _seen_from_mouth(meshes)
    result = meshes + _skin_shift(x, y, shifts)
    result[:, LIP_POINTS] = meshes[:, LIP_POINTS]
    for rings, outer, inner in (
        (UPPER_LIP_RINGS, TOP_SHIFT, UPPER_SHIFT),
        (LOWER_LIP_RINGS, BOTTOM_SHIFT, LOWER_SHIFT),
    ):
        for depth, ring in enumerate(rings):
            points, share = list(ring), np.float32(depth / (len(rings) - 1))
            middle = shifts[:, outer] * (1 - share) + shifts[:, inner] * share
            result[:, points] = meshes[:, points] + _ring_shift(x[:, points], shifts, middle)
    result[:, HANDLE_POINTS] = targets
    return np.asarray(result, np.float32)


def _carried(offsets: Points, meshes: FloatArray) -> NDArray[np.float64]:
    """Carry offsets (7, 2) from the first frame to all: (n, 7, 2), pixels."""
    right, left, nose = (meshes[:, point].astype(np.float64) for point in (RIGHT_EYE, LEFT_EYE, NOSE_BASE))
    apart, level = _eyes(meshes)
    upright = np.stack([-level[:, 1], level[:, 0]], axis=-1)
    length = np.maximum(((nose - (left + right) / 2) * upright).sum(axis=-1, keepdims=True), 1)
    along = offsets @ level[0] * apart / apart[0]  # (n, 7)
    across = offsets @ upright[0] * length / length[0]
    return np.asarray(along[..., None] * level[:, None] + across[..., None] * upright[:, None])


def _eyes(meshes: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far the eyes are apart, (n, 1), at least a pixel, and the unit vector along them, (n, 2)."""
    across = meshes[:, LEFT_EYE].astype(np.float64) - meshes[:, RIGHT_EYE]
    apart = np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1)
    return apart, across / apart


def _parted(targets: NDArray[np.float64], meshes: FloatArray) -> NDArray[np.float64]:
    """Keep the corners of (n, 7, 2) apart: a mouth that was narrowed in a smile may be pursed in a later frame."""
    apart, level = _eyes(meshes)
    across = ((targets[:, RIGHT] - targets[:, LEFT]) * level).sum(axis=-1, keepdims=True)
    shift = np.maximum(MIN_WIDTH * apart - across, 0) / 2 * level
    parted = targets.copy()
    parted[:, LEFT] -= shift
    parted[:, RIGHT] += shift
    return parted


def _ordered(targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep rows of (n, 7, 2) one below the other: lips that were drawn apart may be pressed in a later frame."""
    width, down = mouth_axes(targets)
    heights = (targets[:, ROWS] * down[:, None]).sum(axis=-1)
    slack = CLOSED * width[:, None] * np.arange(heights.shape[1])
    lack = np.maximum.accumulate(heights + slack, axis=1) - slack - heights
    ordered = targets.copy()
    ordered[:, ROWS] += lack[..., None] * down[:, None]
    return ordered


def _seen_from_mouth(meshes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return x and y of all points as their mouth has them: float32 (n, 468) each."""
    handles = meshes[:, HANDLE_POINTS]
    width, down = mouth_axes(handles)
    along = np.stack([down[:, 1], -down[:, 0]], axis=-1)
    away = (meshes - (handles[:, LEFT] + handles[:, RIGHT])[:, None] / 2) / width[:, None, None]
    return 2 * (away * along[:, None]).sum(axis=-1), (away * down[:, None]).sum(axis=-1)


def _ring_shift(x: FloatArray, shifts: FloatArray, middle: FloatArray) -> FloatArray:
    """Return the shifts of a ring, x (n, 11), whose middle goes by ``middle`` (n, 2): float32 (n, 11, 2)."""
    corners = _corner_shift(x, shifts)
    bump = _bump(x, x[:, [0]], x[:, [RING_MIDDLE]], x[:, [-1]])
    return np.asarray(corners + bump[..., None] * (middle - corners[:, RING_MIDDLE])[:, None])


def _skin_shift(x: FloatArray, y: FloatArray, shifts: FloatArray) -> FloatArray:
    """Return the shifts of all points as if they were skin, from x and y (n, 468): float32 (n, 468, 2)."""
    over, top = _outline(x, y, shifts, TOP_SHIFT)
    under, bottom = _outline(x, y, shifts, BOTTOM_SHIFT)
    nose, chin = y[:, [NOSE_BASE]], y[:, [CHIN]]
    above = np.clip((y - nose) / np.maximum(top - nose, LEAST), 0, 1)[..., None]
    below = np.clip((y - bottom) / np.maximum(chin - bottom, LEAST), 0, 1)[..., None]
    jaw = np.clip(1 - ((x - x[:, [CHIN]]) / JAW_REACH) ** 2, 0, 1)[..., None] ** 2
    lower = (1 - below) * under + below * jaw * shifts[:, None, CHIN_SHIFT]
    return np.asarray(np.where((y < (top + bottom) / 2)[..., None], above * over, lower))


def _outline(x: FloatArray, y: FloatArray, shifts: FloatArray, place: int) -> tuple[FloatArray, FloatArray]:
    """Return at each x (n, 468) how a lip's outline is shifted, (n, 468, 2), and how high it is, (n, 468)."""
    middle = HANDLE_POINTS[place]
    corners = _corner_shift(x, shifts)
    bump = _bump(x, x[:, HANDLE_POINTS[LEFT], None], x[:, [middle]], x[:, HANDLE_POINTS[RIGHT], None])
    shift = corners + bump[..., None] * (shifts[:, place] - corners[:, middle])[:, None]
    return shift, bump * y[:, [middle]]


def _corner_shift(x: FloatArray, shifts: FloatArray) -> FloatArray:
    """Share out the corners' shifts over x (n, m): evenly between them, dying away beyond. (n, m, 2)."""
    share = ((np.clip(x, -1, 1) + 1) / 2)[..., None]
    beyond = np.clip((CHEEK_REACH - np.abs(x)) / (CHEEK_REACH - 1), 0, 1)
    fade = smoothstep(beyond)[..., None]
    return np.asarray(fade * (shifts[:, None, LEFT] * (1 - share) + shifts[:, None, RIGHT] * share))


def _bump(x: FloatArray, left: FloatArray, middle: FloatArray, right: FloatArray) -> FloatArray:
    """Return 1 in the middle and 0 from both ends on, a parabola between: x (n, m), the others (n, 1)."""
    span = np.where(x < middle, np.minimum(left - middle, -LEAST), np.maximum(right - middle, LEAST))
    return np.asarray(1 - np.clip((x - middle) / span, 0, 1) ** 2)
