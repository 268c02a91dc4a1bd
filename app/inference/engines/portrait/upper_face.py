"""A portrait's upper face: eyes and brows, prepared once, drawn at any moment as a :class:`Look` says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.eyes import EyeOutline
from app.i420 import BLACK_LUMA, CHROMA, GREY_CHROMA, LUMA, Planes, chromas_of, planes_of, size_of
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.brows import Brows, make_brows
from app.inference.engines.portrait.eye_pixels import (
    CENTRE_X,
    DROP,
    FINE_X,
    FOLLOW,
    FOLLOW_LOWER,
    FROM_X,
    GAZE_X,
    LASHES,
    LEFT,
    LIFT,
    MOVES,
    NUMBERS,
    PER_X,
    POSE,
    SHUT,
    SKIN,
    SKIN_COLOUR,
    Upper,
    draw_upper,
)
from app.inference.engines.portrait.eye_pixels import SPARE as SPARE_PLACE
from app.inference.engines.portrait.eyelids import SPARE, Eyelids, make_eyelids
from app.inference.engines.portrait.field import CELL_PX
from app.inference.engines.portrait.fine import REACH, doubled, phases_of
from app.inference.engines.portrait.iris import Eyeball, eyeball_of, find_iris
from app.inference.engines.portrait.look import Look
from app.media import I420, FloatArray, Image

MEETS = 0.08  # of the opening, by which the lower lid comes up when the eye closes
LEAST_LID = 0.004  # of the opening: less is not drawn
LEAST_PX = 1 / 16  # of an iris's or a brow's way: less is not drawn
LEAST_BROW_PX = 1 / 8
VIDEO = 219 / 255
WITH_GAZE = (0.9, 0.75)  # of the iris's way down and up, that the upper lid goes too
LOWER_WITH_GAZE = 0.35  # and the lower one
SKIN_ACROSS, SKIN_UP = 0.4, 0.18  # widths of the eye: the skin above a place, whose mean colours a lid
NO_BROWS = np.zeros((2, 2, 2), np.float32)


@dataclass(frozen=True, slots=True)
class UpperFace:
    """One picture's tables. ``lids``: those that close; ``irises``: of each, None where it stays."""

    lids: Sequence[Eyelids]
    balls: Sequence[Eyeball | None]
    brows: Brows | None
    ground: Upper

    @property
    def blinks(self) -> bool:
        """Whether any eye closes."""
        return bool(self.lids)

    @property
    def moves_eyes(self) -> bool:
        """Whether the irises move."""
        return any(ball is not None for ball in self.balls)

    def shows(self, look: Look) -> bool:
        """Whether a look may change anything."""
        return look != Look() and bool(self.lids or self.brows)

    def draw(self, picture: I420, look: Look, field: FloatArray) -> None:
        """Draw it into a copy of the portrait, in place. ``field``: how its head moves, see ``glide``."""
        poses = self._poses(look)
        brows = None
        if self.brows is not None and max(abs(look.inner), abs(look.outer), abs(look.knit)) > 0.01:
            brows = self.brows.moved(look.inner, look.outer, look.knit)
            if float(np.abs(brows).max()) < LEAST_BROW_PX:
                brows = None
        areas = self._areas(picture, poses, brows, field)
        if len(areas):
            planes = planes_of(picture)
            draw_upper(
                planes.y[None], chromas_of(picture), self.ground, NO_BROWS if brows is None else brows, poses, field,
                CELL_PX, areas,
            )  # fmt: skip

    def _poses(self, look: Look) -> FloatArray:
        poses = np.zeros((len(self.lids), POSE), np.float32)
        for pose, lids, ball in zip(poses, self.lids, self.balls, strict=True):
            opened = 1 - look.closure
            upper = look.upper * opened + (1 - MEETS) * look.closure
            lower = look.lower * opened + MEETS * look.closure
            if ball is not None:
                far = ball.iris.px_a_radian
                across, down = (far * math.sin(math.radians(way)) for way in (look.gaze_x, look.gaze_y))
                along, below = lids.eye.axes[:, 0], lids.eye.axes[:, 1]
                pose[GAZE_X : GAZE_X + 2] = across * along + down * below
                way = down / lids.eye.width_px * opened
                pose[FOLLOW] = WITH_GAZE[0 if way > 0 else 1] * way
                pose[FOLLOW_LOWER] = -LOWER_WITH_GAZE * way
            pose[[DROP, LIFT]] = upper, lower
            pose[SHUT] = min(1.0, max(0.0, upper / (1 - MEETS)))
        return poses

    def _areas(self, picture: I420, poses: FloatArray, brows: FloatArray | None, field: FloatArray) -> NDArray[np.int64]:
        margin = 2 * math.ceil((float(np.abs(field).max()) + 2) / 2)
        found = []
        for lids, pose in zip(self.lids, poses, strict=True):
            if np.abs(pose[GAZE_X : GAZE_X + 2]).max() > LEAST_PX or np.abs(pose[DROP:]).max() > LEAST_LID:
                found.append(lids.area)
        if brows is not None and self.brows is not None:
            found = [*found, self.brows.area]
            found = [Area(*(pick(values) for pick, values in zip((min, min, max, max), zip(*map(_edges, found)))))]
        whole = Area(0, 0, *size_of(picture))
        areas = [area.grown(margin).even().within(whole) for area in found]
        return np.array([_edges(area) for area in areas], np.int64).reshape(-1, 4)


def make_upper_face(
    image: Image, still: I420, eyes: Sequence[EyeOutline], mesh: NDArray[np.float32]
) -> UpperFace:
    """Prepare a picture (BGR, and its I420) with its mesh (468, 2) and its eyes, the person's right one first."""
    lids = make_eyelids(image, eyes, mesh)
    irises = [find_iris(image, each) for each in lids]
    if None in irises:
        irises = [None] * len(lids)  # one alone would squint
    brows = make_brows(image, mesh)
    areas = [each.area for each in lids] + ([brows.area] if brows is not None else [])
    whole = Area(0, 0, image.shape[1], image.shape[0])
    around = Area(0, 0, 2, 2)
    if areas:
        edges = np.array([_edges(area) for area in areas])
        around = Area(*(int(v) for v in edges.min(axis=0)[:2]), *(int(v) for v in edges.max(axis=0)[2:]))
        around = around.grown(REACH + 9).even().within(whole)
    planes = planes_of(still)
    fine = [
        doubled(phases_of(np.ascontiguousarray(plane[_scaled(around, scale).at])))
        for plane, scale in ((planes.y, 1), (planes.u, 2), (planes.v, 2))
    ]
    balls = [
        None if iris is None else eyeball_of(_part(fine, around, each.area), each, iris)
        for each, iris in zip(lids, irises, strict=True)
    ]
    width_px = max((each.eye.width_px for each in lids), default=8.0)
    ground = Upper(
        luma=fine[0][None], chroma=np.stack(fine[1:]), from_x=around.left, from_y=around.top,
        left=brows.area.left if brows else 0, top=brows.area.top if brows else 0, step=brows.step if brows else 1,
        numbers=np.array([_numbers(*pair) for pair in zip(lids, balls, strict=True)], np.float32).reshape(-1, NUMBERS),
        edges=_stacked([np.stack([each.upper, each.opening]) for each in lids], 2),
        white=_stacked([np.zeros((1, 1)) if ball is None else ball.white for ball in balls], 2),
        taken=_stacked([np.zeros((1, 1, 1)) if ball is None else ball.taken[None] for ball in balls], 3),
        tint=_stacked([np.zeros((2, 1, 1)) if ball is None else ball.tint for ball in balls], 3),
        skins=_skins(planes, around, width_px),
    )  # fmt: skip
    return UpperFace(lids, balls, brows, ground)


def _numbers(lids: Eyelids, ball: Eyeball | None) -> FloatArray:
    eye, numbers = lids.eye, np.zeros(NUMBERS, np.float32)
    numbers[CENTRE_X : CENTRE_X + 5] = *eye.centre, *eye.axes[:, 0], eye.width_px
    numbers[FROM_X], numbers[PER_X] = eye.x[0], (len(eye.x) - 1) / (eye.x[-1] - eye.x[0])
    numbers[SKIN], numbers[SPARE_PLACE], numbers[MOVES] = lids.skin, SPARE, ball is not None
    numbers[LEFT : LEFT + 4] = _edges(lids.area)
    numbers[FINE_X : FINE_X + 2] = lids.area.left & ~1, lids.area.top & ~1
    numbers[SKIN_COLOUR : SKIN_COLOUR + 3] = _yuv(lids.skin_colour)
    numbers[LASHES : LASHES + 3] = _yuv(lids.lashes)
    return numbers


def _yuv(colour: FloatArray) -> tuple[float, float, float]:
    u, v = CHROMA[:, :3] @ colour + GREY_CHROMA
    return BLACK_LUMA + VIDEO * float(colour @ LUMA), float(u), float(v)


def _skins(planes: Planes, area: Area, width_px: float) -> FloatArray:
    """Return the mean of what lies above each place, a pixel of chroma each."""
    across, up = int(SKIN_ACROSS * width_px / 2) | 1, max(1, round(SKIN_UP * width_px / 2))
    half = _scaled(area, 2)
    luma = cv2.resize(planes.y[area.at], (half.right - half.left, half.bottom - half.top), interpolation=cv2.INTER_AREA)
    return np.stack([
        cv2.blur(plane.astype(np.float32), (across, up), anchor=(-1, up - 1))
        for plane in (luma, planes.u[half.at], planes.v[half.at])
    ]).astype(np.float32)  # fmt: skip


def _part(fine: Sequence[NDArray[np.uint8]], around: Area, area: Area) -> tuple[NDArray[np.uint8], ...]:
    """Cut an area's part out of doubled planes."""
    inner = Area(area.left & ~1, area.top & ~1, area.right, area.bottom).even().seen_from(around.left, around.top)
    luma = fine[0][2 * inner.top : 2 * inner.bottom, 2 * inner.left : 2 * inner.right]
    return luma, *(plane[inner.at] for plane in fine[1:])


def _stacked(arrays: Sequence[NDArray[np.floating]], dimensions: int) -> FloatArray:  # type: ignore[type-arg]
    """Stack arrays of different sizes, zeros beyond their ends."""
    if not arrays:
        return np.zeros((0, *(2,) * dimensions), np.float32)
    shape = np.max([array.shape for array in arrays], axis=0)
    stacked = np.zeros((len(arrays), *np.maximum(shape, 2)), np.float32)
    for to, array in zip(stacked, arrays, strict=True):
        to[tuple(slice(size) for size in array.shape)] = array
    return stacked


def _scaled(area: Area, scale: int) -> Area:
    return Area(area.left // scale, area.top // scale, area.right // scale, area.bottom // scale)


def _edges(area: Area) -> tuple[int, int, int, int]:
    return area.left, area.top, area.right, area.bottom
