"""A portrait's upper face: eyes and brows, prepared once, drawn at any moment as a :class:`Look` says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from app.i420 import chromas_of, planes_of, size_of
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.eye_pixels import draw_upper
from app.inference.engines.portrait.field import CELL_PX, brought_to
from app.inference.engines.portrait.lid_pixels import DROP, FOLLOW, FOLLOW_LOWER, GAZE_X, LIFT, POSE, SHUT
from app.inference.engines.portrait.look import Look
from app.inference.engines.portrait.upper_tables import UpperTables
from app.media import I420, FloatArray

MEETS = 0.08  # of the opening, by which the lower lid comes up when the eye closes
LEAST_LID = 0.004  # of the opening: less is not drawn
LEAST_PX = 1 / 16  # of an iris's or a brow's way: less is not drawn
LEAST_BROW, LEAST_BROW_PX = 0.01, 1 / 8
WITH_GAZE = (0.9, 0.75)  # of the iris's way down and up, that the upper lid goes too
LOWER_WITH_GAZE = 0.35  # and the lower one
NO_BROWS = np.zeros((2, 2, 2), np.float32)


@dataclass(frozen=True, slots=True)
class UpperFace:
    """One picture's eyes and brows. Nothing is kept between pictures: any thread may draw."""

    tables: UpperTables

    @property
    def blinks(self) -> bool:
        """Whether any eye closes."""
        return bool(self.tables.lids)

    @property
    def moves_eyes(self) -> bool:
        """Whether the irises move."""
        return any(ball is not None for ball in self.tables.balls)

    def shows(self, look: Look) -> bool:
        """Whether a look may change anything."""
        return look != Look() and bool(self.tables.lids or self.tables.brows)

    def draw(self, picture: I420, look: Look, field: FloatArray) -> None:
        """Draw it into a copy of the portrait, in place. ``field``: how its head moves, see ``glide``."""
        poses, brows = self._poses(look), self._moved_brows(look)
        areas = self._areas(picture, poses, brows is not None, field)
        if len(areas):
            draw_upper(
                planes_of(picture).y[None], chromas_of(picture), self.tables.ground,
                NO_BROWS if brows is None else brows, poses, field, CELL_PX, areas,
            )  # fmt: skip

    def _moved_brows(self, look: Look) -> FloatArray | None:
        """Return how the brows move; None where nobody would see it."""
        if self.tables.brows is None or max(abs(look.inner), abs(look.outer), abs(look.knit)) < LEAST_BROW:
            return None
        moved = self.tables.brows.moved(look.inner, look.outer, look.knit)
        return moved if float(np.abs(moved).max()) > LEAST_BROW_PX else None

    def _poses(self, look: Look) -> FloatArray:
        poses = np.zeros((len(self.tables.lids), POSE), np.float32)
        for pose, lids, ball in zip(poses, self.tables.lids, self.tables.balls, strict=True):
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

    def _areas(self, picture: I420, poses: FloatArray, with_brows: bool, field: FloatArray) -> NDArray[np.int64]:
        """Return what is to be drawn, int64 (n, 4)."""
        found = []
        for lids, pose in zip(self.tables.lids, poses, strict=True):
            if np.abs(pose[GAZE_X : GAZE_X + 2]).max() > LEAST_PX or np.abs(pose[DROP:]).max() > LEAST_LID:
                found.append(lids.area)
        if with_brows and self.tables.brows is not None:
            found = [reduce(Area.joined, found, self.tables.brows.area)]
        whole = Area(0, 0, *size_of(picture))
        areas = [brought_to(area, field).grown(1).even().within(whole) for area in found]
        return np.array([area.edges for area in areas], np.int64).reshape(-1, 4)
