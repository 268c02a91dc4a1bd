"""A portrait's lower face: tables prepared once, one shape a frame.

``warp.py`` moves a grid of a few pixels' step, ``lips.py`` draws the pixels. Every displacement fades out before the
grid's edge and outside the jaw's outline, so that collar, hair and background stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import CHIN, LEFT_JAW, NOSE_BASE, OVAL, RIGHT_JAW
from app.i420 import planes_of, size_of
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.field import CELL_PX, brought_to
from app.inference.engines.portrait.geometry import Lips, MouthFrame, find_lips
from app.inference.engines.portrait.ground import Ground, ground_of
from app.inference.engines.portrait.lips import draw_lips
from app.inference.engines.portrait.paint import Parting
from app.inference.engines.portrait.shape import MouthShape
from app.inference.engines.portrait.warp import Grid, Warp, parting_of, pull_of, warp_of
from app.media import I420, FloatArray, Image
from app.smoothstep import smoothstep

Plane = NDArray[Any]  # float32, over the grid

# all in mouth widths
REACH_X = 1.15  # to each side: what can move
NECK = 0.46  # below the chin, where all movement has died away
OUTSIDE = 0.40  # beyond the jaw's outline, likewise
BROW = 0.12  # above the nose's base, likewise
SETS_IN = 8  # times as fast as ``speaking`` rises, the drawn mouth replaces the picture's
EDGE = 0.10  # of the rectangle, where the movement fades to nothing
STEPS_A_MOUTH = 40  # of the grid, about
LEAST_PX = 1 / 64  # less movement than this leaves a pixel as it is


@dataclass(frozen=True, slots=True)
class FaceRig:
    """The tables of one portrait. ``area``: what can change, of even sides; the grid begins at its corner.

    ``step``: the grid's, in pixels.
    """

    area: Area
    step: int
    frame: MouthFrame
    lips: Lips
    grid: Grid
    ground: Ground


@dataclass(frozen=True, slots=True)
class Pose:
    """One shape of one portrait's mouth. ``moving``: the pixels that it moves. ``widest``: see :func:`draw_lips`."""

    rig: FaceRig
    warp: Warp
    parting: Parting
    moving: Area
    widest: float

    def draw(self, picture: I420, field: FloatArray) -> None:
        """Draw it into a copy of the portrait, in place. ``field``: how its head moves, see ``glide``."""
        to = brought_to(self.moving, field).even().within(Area(0, 0, *size_of(picture)))
        planes = planes_of(picture)
        draw_lips(
            planes.y, planes.u, planes.v, self.rig.ground, self.warp.moves, self.parting, self.widest,
            field, CELL_PX, to.left, to.top, to.right, to.bottom,
        )  # fmt: skip


def make_rig(image: Image, mesh: NDArray[np.float32]) -> FaceRig:
    """Prepare a picture (BGR) with its mesh (468, 2)."""
    frame = MouthFrame.of(mesh)
    lips = find_lips(image, mesh, frame)
    chin = frame.to_mouth(mesh[[CHIN]])[0]
    nose = min(float(frame.to_mouth(mesh[[NOSE_BASE]])[0, 1]), float(lips.top.y.min()) - 0.06)
    chin_y = max(float(chin[1]), float(lips.bottom.y.max()) + 0.15)
    area = _rectangle(image, frame, nose - BROW, chin_y + NECK)
    step = max(1, round(frame.width_px / STEPS_A_MOUTH))
    rows, columns = ((size - 1) // step + 2 for size in (area.bottom - area.top, area.right - area.left))
    py, px = np.mgrid[:rows, :columns].astype(np.float32) * step + np.array([area.top, area.left])[:, None, None]
    x, y = np.moveaxis(frame.to_mouth(np.stack([px, py], axis=-1).reshape(-1, 2)).reshape(rows, columns, 2), 2, 0)
    span = np.where(x < lips.middle, lips.middle - lips.right, lips.left - lips.middle)
    seam, upper, lower = lips.seam.at(x), lips.upper.at(x), lips.lower.at(x)
    lip_top, lip_bottom = lips.top.at(x), lips.bottom.at(x)
    skin = _skin(mesh, frame, area, step, x.shape)
    jaw_right, jaw_left = frame.to_mouth(mesh[[RIGHT_JAW, LEFT_JAW]])[:, 0]
    reach = np.where(x < lips.middle, lips.middle - jaw_right, jaw_left - lips.middle)  # a turned head's sides differ
    rise = np.clip((y - nose) / np.maximum(np.minimum(lip_top, upper - 0.02) - nose, 0.04), 0, 1)
    with_chin = np.exp(-((np.abs(x - float(chin[0]) * np.clip(y / chin_y, 0, 1)) / 0.92) ** 4))
    across = _across(x - lips.middle, y - seam, seam - nose, reach) * skin
    thickness = np.maximum(upper - lip_top, 0.03), np.maximum(lip_bottom - lower, 0.03)
    points = [
        x, y, (x - lips.middle) / span, span, seam, upper, lower, *thickness, _eased(rise), across, with_chin, skin,
        _fade(x, y, nose, chin_y),
    ]  # fmt: skip
    grid = Grid(np.stack(points, axis=2).astype(np.float32), lips.middle, chin_y, lips.gap)
    return FaceRig(area, step, frame, lips, grid, ground_of(image, mesh, frame, lips, area, step))


def pose(rig: FaceRig, shape: MouthShape) -> Pose | None:
    """Pose the rig in one shape; None where the picture can stay as it is."""
    if shape.at_rest or (shape.still and not rig.lips.apart):
        return None
    shape = replace(shape, speaking=_speaking(rig.lips.apart, shape.speaking))
    parting, width_px = parting_of(shape), rig.frame.width_px
    warp = warp_of(rig.grid, pull_of(shape, rig.lips.gap), parting, LEAST_PX / width_px)
    widest = warp.gap / 2 + 2 * rig.ground.soft + max(2 * rig.step, 3) / width_px
    return Pose(rig, warp, parting, _around(rig, warp), widest)


def _speaking(apart: float, speaking: float) -> float:
    """Return how much of the drawn mouth shows, 0…1: lips that are apart in the picture give way more slowly."""
    return (1 - min(1.0, 3 * apart) * (1 - speaking)) * min(1.0, SETS_IN * speaking)


def _around(rig: FaceRig, warp: Warp) -> Area:
    """Return the pixels beside the grid points that move."""
    if warp.first_row >= warp.end_row:
        return rig.area  # lips may be painted that do not move
    left, top, step = rig.area.left, rig.area.top, rig.step
    return Area(
        left + step * (warp.first_column - 1),
        top + step * (warp.first_row - 1),
        left + step * warp.end_column + 1,
        top + step * warp.end_row + 1,
    ).within(rig.area)


def _rectangle(image: Image, frame: MouthFrame, top: float, bottom: float) -> Area:
    corners = np.array([[x, y] for x in (-REACH_X, REACH_X) for y in (top, bottom)], np.float32)
    pixels = frame.to_pixels(corners)
    height, width = image.shape[:2]
    left, first = np.clip(np.floor(pixels.min(axis=0)), 0, (width - 2, height - 2)).astype(int) & ~1
    right, last = np.clip(np.ceil(pixels.max(axis=0)), (left + 2, first + 2), (width, height)).astype(int)
    return Area(int(left), int(first), int(right + right % 2), int(last + last % 2))


def _skin(mesh: NDArray[np.float32], frame: MouthFrame, area: Area, step: int, shape: tuple[int, ...]) -> FloatArray:
    """Return 1 within the face's outline and 0 from ``OUTSIDE`` beyond it."""
    mask = np.full((shape[0] * step, shape[1] * step), 255, np.uint8)
    outline = np.round(mesh[list(OVAL)] - (area.left, area.top)).astype(np.int32)
    cv2.fillPoly(mask, [outline], 0)
    outside: Any = cv2.distanceTransform(mask, cv2.DIST_L2, 5)[::step, ::step]
    return _eased(1 - np.clip(outside / (OUTSIDE * frame.width_px), 0, 1))


def _across(x: Plane, y: Plane, to_nose: Plane, reach: Plane) -> FloatArray:
    """Let the lips narrow and spread, not the cheeks, the nose or the chin; x and y from the lips' middle."""
    sideways = np.exp(-((np.abs(x) / np.clip(0.62 * reach, 0.54, 0.72)) ** 4))
    above = np.maximum(0, -y - 0.07) / (0.45 * np.maximum(to_nose, 0.1))
    below = np.maximum(0, y - 0.16) / 0.26
    return np.asarray(sideways * np.exp(-np.square(above) - np.square(below)), np.float32)


def _fade(x: Plane, y: Plane, nose: float, chin: float) -> FloatArray:
    """Return 1 inside and 0 at the grid's edge, smoothly."""
    sides = (REACH_X - np.abs(x)) / (EDGE * 2 * REACH_X)
    top, bottom = (y - nose + BROW) / BROW, (chin + NECK - y) / 0.12
    return _eased(np.clip(np.minimum(np.minimum(sides, top), bottom), 0, 1))


def _eased(t: Plane) -> FloatArray:
    return np.asarray(smoothstep(t), np.float32)
