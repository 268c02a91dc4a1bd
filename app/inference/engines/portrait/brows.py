"""How the skin of the forehead moves with the brows: displacements on a grid, for each way in which they move.

Lengths are in widths of an eye, from the middle between the eyes; x runs to the picture's right, y to the cheeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import (
    FOREHEAD,
    LEFT_BROW,
    LEFT_BROW_TOP,
    LEFT_EYE_CORNERS,
    OVAL,
    RIGHT_BROW,
    RIGHT_BROW_TOP,
    RIGHT_EYE_CORNERS,
)
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.brow_check import LEFT, RIGHT, FaceFrame, bare_above
from app.media import FloatArray, Image

Numbers = NDArray[Any]

MIN_EYE_PX = 12.0  # of an eye's width: the brows of a smaller one stay
STEPS_AN_EYE = 14  # of the grid, about
RAISE = 0.150  # by which a full movement lifts an end
KNIT = 0.080  # by which brows come together
LID_SHARE = 0.30  # of the way from the lid up to the brow, from where the skin moves
FADE_UP = 0.75  # above the brow, where the movement has died away,
FOREHEAD_SHARE = 0.8  # of the way to the forehead's top at most
BESIDE, INSIDE = 0.30, 0.16  # beyond the outer end, and past the inner one, likewise
OUTLINE = 0.12  # within the face's outline, likewise


@dataclass(frozen=True, slots=True)
class Brows:
    """Displacements: float32 (3, rows, columns, 2), pixels that a place comes from across and down: the inner ends up,
    the outer ones up, and together. ``area``: what can move; the grid begins at its corner.
    """

    area: Area
    step: int
    ways: FloatArray

    def moved(self, inner: float, outer: float, knit: float) -> FloatArray:
        """Add the ways up: float32 (rows, columns, 2)."""
        return np.asarray(np.tensordot(np.array([inner, outer, knit], np.float32), self.ways, axes=1), np.float32)


def make_brows(image: Image, mesh: NDArray[np.float32]) -> Brows | None:
    """Prepare the brows of a picture (BGR) with its mesh (468, 2); None where they would look wrong if they moved."""
    frame = FaceFrame.of(mesh)
    bare = bare_above(image, mesh) if frame.width_px >= MIN_EYE_PX else None
    if bare is None:
        return None
    area = _area(image, mesh, frame)
    if area.empty or area.within(Area(0, 0, image.shape[1], image.shape[0])) != area:
        return None
    step = max(1, round(frame.width_px / STEPS_AN_EYE))
    rows, columns = ((size - 1) // step + 2 for size in (area.bottom - area.top, area.right - area.left))
    py, px = np.mgrid[:rows, :columns].astype(np.float32) * step + np.array([area.top, area.left])[:, None, None]
    places = frame.at(np.stack([px, py], axis=-1))
    skin = _skin(mesh, area, px, py, frame.width_px)
    ways = np.zeros((3, rows, columns, 2))
    crown = float(frame.at(mesh[FOREHEAD])[1])
    for side, (low, high, lid, _) in ((-1, RIGHT), (1, LEFT)):
        inner, outer, knit = _weights(
            places[..., 0] * side, places[..., 1],
            _sided(frame.at(mesh[list(low)]), side), _sided(frame.at(mesh[list(high)]), side),
            _sided(frame.at(mesh[list(lid)]), side), min(FADE_UP, bare), crown,
        )  # fmt: skip
        ways[0] += (RAISE * inner * skin)[..., None] * frame.down
        ways[1] += (RAISE * outer * skin)[..., None] * frame.down
        ways[2] += (KNIT * knit * skin * side)[..., None] * frame.along
    return Brows(area, step, np.asarray(ways * frame.width_px, np.float32))


def _sided(points: Numbers, side: int) -> Numbers:
    """Let x grow from the middle outwards, and order the points by it."""
    points = points * (side, 1)
    return np.asarray(points[np.argsort(points[:, 0])])


def _weights(
    x: Numbers, y: Numbers, low: Numbers, high: Numbers, lid: Numbers, bare: float, crown: float
) -> tuple[Numbers, ...]:
    """Return how far each place goes with the inner end, the outer end, and the middle: 0…1, of one side."""
    start, end = float(min(low[0, 0], high[0, 0])), float(max(low[-1, 0], high[-1, 0]))
    under, over = np.interp(x, low[:, 0], low[:, 1]), np.interp(x, high[:, 0], high[:, 1])
    lids = np.interp(x, lid[:, 0], lid[:, 1])
    floor = lids + (under - lids) * LID_SHARE
    top = np.maximum(over - bare, over + (crown - over) * FOREHEAD_SHARE)
    rise = _eased((floor - y) / np.maximum(floor - under, 0.05)) * _eased((y - top) / np.maximum(over - top, 0.05))
    past = _eased((x - start + INSIDE + 0.12) / (INSIDE + 0.12))
    beyond = _eased((end + BESIDE - x) / BESIDE)
    along = np.clip((x - start) / max(end - start, 0.1), 0, 1)
    inwards = _eased(1 - along / 0.75)
    over_nose = 0.75 + 0.25 * past  # the forehead's middle goes with both
    middle = np.where(x >= 0, np.maximum(past, 0.0) * over_nose, 0)
    side = rise * middle * beyond
    knit = rise * beyond * _eased(x / max(start, 0.05)) * _eased(1.15 - along)
    return side * inwards, side * (1 - inwards), np.where(x >= 0, knit, 0)


def _area(image: Image, mesh: NDArray[np.float32], frame: FaceFrame) -> Area:
    points = frame.at(
        mesh[[*RIGHT_BROW, *LEFT_BROW, *RIGHT_BROW_TOP, *LEFT_BROW_TOP, *RIGHT_EYE_CORNERS, *LEFT_EYE_CORNERS]]
    )
    beside = BESIDE + 0.05
    low, high = points.min(axis=0) - (beside, FADE_UP + 0.05), points.max(axis=0) + np.array([beside, 0.0])
    box = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
    pixels = frame.centre + (box[:, :1] * frame.along + box[:, 1:] * frame.down) * frame.width_px
    whole = Area(2, 2, image.shape[1] - 2, image.shape[0] - 2)
    return (
        Area(*np.floor(pixels.min(axis=0)).astype(int), *np.ceil(pixels.max(axis=0)).astype(int)).even().within(whole)
    )


def _skin(mesh: NDArray[np.float32], area: Area, px: Numbers, py: Numbers, width_px: float) -> Numbers:
    """Return 1 within the face's outline, 0 at it and beyond, and at the area's own edges."""
    mask = np.zeros((area.bottom - area.top, area.right - area.left), np.uint8)
    cv2.fillPoly(mask, [np.round(mesh[list(OVAL)] - (area.left, area.top)).astype(np.int32)], 255)
    mask[[0, -1]], mask[:, [0, -1]] = 0, 0
    depth: Any = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    rows = np.clip(py - area.top, 0, mask.shape[0] - 1).astype(int)
    columns = np.clip(px - area.left, 0, mask.shape[1] - 1).astype(int)
    return _eased(depth[rows, columns] / max(OUTLINE * width_px, 2.0))


def _eased(value: Numbers) -> Numbers:
    t = np.clip(value, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
