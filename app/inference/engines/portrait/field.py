"""How a picture moves with its head: displacements on a coarse grid, for each part of a movement.

The head moves as one piece. Around it the movement eases to nothing over as much of the picture as there is, so that
neither the background nor the picture's edge shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import CHIN, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK
from app.inference.engines.portrait.area import Area
from app.media import FloatArray

Numbers = NDArray[np.floating[Any]]

CELL_PX = 16  # of the grid: the field holds nothing finer
# all in heights of the face
CROWN = 0.10  # the head's middle lies above the face's
HEAD_X, HEAD_Y = 0.62, 0.82  # half axes of what moves as one piece, hair and all
EASE = 0.65  # around that
EDGE = 0.35  # along the picture's edges, where all of it dies away
RIM_PX = 2.0  # at them, where nothing moves at all
NECK = 0.25  # below the chin: what the head rolls about
CHEST = 0.75  # below the chin: the middle of what a breath lifts
CHEST_X, CHEST_Y = 1.4, 0.8  # half axes of that
LIFT = 0.006  # by which it does
FLOAT = 0.35  # of that, by which a breath lifts the head
# a head that nods turns about an axis through the ears, on a neck that bows a little
FACE_X, FACE_Y = 0.50, 0.62  # half axes of what stands out from that axis
DEPTH = 0.55  # by which the middle of the face does
BOW = 0.18  # by which all of the head stands before the neck's


@dataclass(frozen=True, slots=True)
class Bearing:
    """Where a face stands in its picture. Points are (2,), pixels; ``down`` is the way from forehead to chin."""

    picture: Area
    centre: Numbers  # of the head
    chin: Numbers
    down: Numbers
    height_px: float  # of the face
    width_px: float

    @classmethod
    def of(cls, mesh: NDArray[np.float32], picture: Area) -> Bearing:
        """Read it from a mesh (468, 2)."""
        chin, forehead = mesh[CHIN], mesh[FOREHEAD]
        height = max(1.0, float(np.linalg.norm(chin - forehead)))
        down = (chin - forehead) / height
        width = float(np.linalg.norm(mesh[LEFT_CHEEK] - mesh[RIGHT_CHEEK]))
        return cls(picture, (chin + forehead) / 2 - CROWN * height * down, chin, down, height, width)

    def field(self, area: Area) -> FloatArray:
        """Return the displacements in pixels over an area: float32 (5, rows, 2, columns), x and y, a cell each.

        The first dimension is the movement: a face's width to the right, one down, a radian clockwise, a breath, a nod
        of a radian. It bows the middle of the face, which stands out farthest, most.
        """
        # the middles of the cells
        x, y = np.meshgrid(
            np.arange(area.left, area.right, CELL_PX) + (CELL_PX - 1) / 2,
            np.arange(area.top, area.bottom, CELL_PX) + (CELL_PX - 1) / 2,
        )
        edge = self._off_edge(x, self.picture.right) * self._off_edge(y, self.picture.bottom)
        head = edge * (1 - _eased((self._distance(x, y, self.centre, HEAD_X, HEAD_Y) - 1) * HEAD_X / EASE))
        chest = self.chin + CHEST * self.height_px * self.down
        breath = FLOAT * head + edge * (1 - _eased(self._distance(x, y, chest, CHEST_X, CHEST_Y)))
        neck = self.chin + NECK * self.height_px * self.down
        still = np.zeros_like(head)
        face = 1 - _eased(self._distance(x, y, (self.chin + self.centre) / 2, FACE_X, FACE_Y))
        bowed = self.height_px * head * (BOW + DEPTH * face)
        parts = [
            (head * self.width_px, still),
            (still, head * self.width_px),
            (-head * (y - neck[1]), head * (x - neck[0])),
            (still, -LIFT * self.height_px * breath),
            (bowed * self.down[0], bowed * self.down[1]),
        ]
        return np.stack([np.stack(part, axis=1) for part in parts]).astype(np.float32)

    def _off_edge(self, place: Numbers, size: int) -> Numbers:
        """Return 0 at the picture's edges, 1 away from them."""
        return _eased((np.minimum(place, size - 1 - place) - CELL_PX / 2 - RIM_PX) / (EDGE * self.height_px))

    def _distance(self, x: Numbers, y: Numbers, middle: Numbers, half_x: float, half_y: float) -> Numbers:
        """Return the distance from the middle of an ellipse that stands as the face does, 1 on its rim."""
        along = (x - middle[0]) * self.down[0] + (y - middle[1]) * self.down[1]
        across = (x - middle[0]) * self.down[1] - (y - middle[1]) * self.down[0]
        return np.asarray(np.hypot(across / half_x, along / half_y) / self.height_px)


def still_field(width: int, height: int) -> FloatArray:
    """Return the field of a head that is still, as :func:`with_edges` does."""
    return np.zeros((-(-height // CELL_PX) + 3, 2, -(-width // CELL_PX) + 3), np.float32)


def with_edges(field: FloatArray) -> FloatArray:
    """Repeat a field's edges, float32 (..., rows, 2, columns): pixels there lie between cells too."""
    return np.pad(field, [(0, 0)] * (field.ndim - 3) + [(1, 2), (0, 0), (1, 2)], mode="edge")


def _eased(value: Numbers) -> Numbers:
    """Rise from 0 at 0 to 1 at 1, level at both ends, in slope and in curvature."""
    t = np.clip(value, 0, 1)
    return np.asarray(t**3 * (t * (6 * t - 15) + 10))
