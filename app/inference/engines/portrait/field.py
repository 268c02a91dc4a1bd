"""How a picture moves with its head: displacements on a coarse grid, for any movement.

The head turns in depth about a point between the ears, tilts and shifts on its neck. Around it the movement eases to
nothing over as much of the picture as there is, so that neither the background nor the picture's edge shows it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import CHIN, FOREHEAD, LEFT_CHEEK, OVAL, RIGHT_CHEEK
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.compiled import Real, compiled
from app.inference.engines.portrait.relief import relief_of
from app.media import FloatArray

Numbers = NDArray[np.floating[Any]]

CELL_PX = 16  # of the grid: the field holds nothing finer
# all in heights of the face
CROWN = 0.10  # the head's middle lies above the face's
HEAD_X, HEAD_Y = 0.62, 0.82  # half axes of what moves as one piece, hair and all
EASE = 0.65  # around that
EDGE = 0.35  # along the picture's edges, where all of it dies away
LEAST_ROOM = 0.12  # of its movement, that is left to a face which those cut
RIM_PX = 2.0  # at them, where nothing moves at all
NECK = 0.25  # below the chin: what the head rolls about
CHEST = 0.75  # below the chin: the middle of what a breath lifts
CHEST_X, CHEST_Y = 1.4, 0.8  # half axes of that
LIFT = 0.006  # by which it does
FLOAT = 0.35  # of that, by which a breath lifts the head
BOW, TURN = 0.18, 0.05  # by which the neck carries all of the head along as it bows or turns, times the angle's sine
STEEPEST = 0.4  # of its size, to which a slope that turns away from who looks may shrink

ZERO, ONE = np.float32(0), np.float32(1)


class Swing(NamedTuple):
    """A head's movement. ``yaw``: to the picture's right, ``pitch``: chin down, ``roll``: clockwise; radians.

    ``dx``, ``dy``: to the right and down, in widths of the face. ``breath``: −1 … 1.
    """

    yaw: float
    pitch: float
    roll: float
    dx: float
    dy: float
    breath: float


class Anatomy(NamedTuple):
    """What a field is computed of: ``cells``: float32 (7, rows, columns), a value each, in this order.

    Where it lies from the point that the head turns about, along the eyes and down the face, and from the neck, in x
    and y; pixels. How far it goes with the head, 0…1, and with a breath. By how much it stands out, in pixels.
    ``slopes``: float32 (2, rows, columns): by how much that rises a pixel, along the eyes and down the face.
    ``down``: (2,), the way from forehead to chin. ``height_px``, ``width_px``: the face's. ``room``: how far it can
    turn, 0…1: half of a face that the picture's edge holds would go without the other.
    """

    cells: FloatArray
    slopes: FloatArray
    down: FloatArray
    height_px: float
    width_px: float
    room: float


@dataclass(frozen=True, slots=True)
class Bearing:
    """Where a face stands in its picture. Points are (2,), pixels; ``down`` is the way from forehead to chin."""

    picture: Area
    centre: Numbers  # of the head
    ears: Numbers  # the middle between them
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
        ears = (mesh[LEFT_CHEEK] + mesh[RIGHT_CHEEK]) / 2
        return cls(picture, (chin + forehead) / 2 - CROWN * height * down, ears, chin, down, height, width)

    def anatomy(self, mesh: FloatArray, depth: FloatArray) -> Anatomy:
        """Measure the head, a cell each; and one more before the picture, two after it: pixels lie between cells.

        ``depth``: float32 (468,), of the mesh's points (468, 2).
        """
        # the middles of the cells
        x, y = np.meshgrid(_middles(self.picture.right), _middles(self.picture.bottom))
        edge = self._off_edge(x, self.picture.right) * self._off_edge(y, self.picture.bottom)
        head = edge * (1 - _eased((self._distance(x, y, self.centre, HEAD_X, HEAD_Y) - 1) * HEAD_X / EASE))
        chest = self.chin + CHEST * self.height_px * self.down
        breath = FLOAT * head + edge * (1 - _eased(self._distance(x, y, chest, CHEST_X, CHEST_Y)))
        neck = self.chin + NECK * self.height_px * self.down
        along, down = self._axes(x - self.ears[0], y - self.ears[1])
        relief = relief_of(x, y, mesh, depth, self.height_px, CELL_PX)
        rises_y, rises_x = (_rise(relief, axis) for axis in (0, 1))
        return Anatomy(
            _with_edges(along, down, x - neck[0], y - neck[1], head, breath, relief),
            _with_edges(*self._axes(rises_x, rises_y)),
            np.asarray(self.down, np.float32),
            self.height_px,
            self.width_px,
            self._room(mesh[list(OVAL)]),
        )

    def _room(self, outline: FloatArray) -> float:
        """Return how far a face can turn that has this outline, (n, 2)."""
        held = self._off_edge(outline[:, 0], self.picture.right) * self._off_edge(outline[:, 1], self.picture.bottom)
        return max(LEAST_ROOM, float(held.min()))

    def _axes(self, x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
        """Return what lies along the eyes, and down the face."""
        return x * self.down[1] - y * self.down[0], x * self.down[0] + y * self.down[1]

    def _off_edge(self, place: Numbers, size: int) -> Numbers:
        """Return 0 at the picture's edges, 1 away from them."""
        return _eased((np.minimum(place, size - 1 - place) - CELL_PX / 2 - RIM_PX) / (EDGE * self.height_px))

    def _distance(self, x: Numbers, y: Numbers, middle: Numbers, half_x: float, half_y: float) -> Numbers:
        """Return the distance from the middle of an ellipse that stands as the face does, 1 on its rim."""
        across, along = self._axes(x - middle[0], y - middle[1])
        return np.asarray(np.hypot(across / half_x, along / half_y) / self.height_px)


def field_of(anatomy: Anatomy, swing: Swing) -> FloatArray:
    """Return where each cell comes from: float32 (rows, 2, columns), x and y, pixels."""
    field = np.empty((anatomy.cells.shape[1], 2, anatomy.cells.shape[2]), np.float32)
    yaw, pitch, roll, dx, dy, breath = (float(part) for part in swing)
    room = anatomy.room
    _swing(anatomy, Swing(room * yaw, room * pitch, room * roll, room * dx, room * dy, breath), field)
    return field


@compiled
def _swing(anatomy: Anatomy, swing: Swing, field: FloatArray) -> None:
    cells, slopes, down_x, down_y = anatomy.cells, anatomy.slopes, anatomy.down[0], anatomy.down[1]
    yaw, pitch, roll = (
        np.float32(math.sin(swing.yaw)),
        np.float32(math.sin(swing.pitch)),
        np.float32(math.sin(swing.roll)),
    )
    less_yaw, less_pitch, less_roll = (
        np.float32(1 - math.cos(swing.yaw)),
        np.float32(1 - math.cos(swing.pitch)),
        np.float32(1 - math.cos(swing.roll)),
    )
    turn, bow = np.float32(TURN * anatomy.height_px) * yaw, np.float32(BOW * anatomy.height_px) * pitch
    shift_x, shift_y = np.float32(swing.dx * anatomy.width_px), np.float32(swing.dy * anatomy.width_px)
    lift = np.float32(LIFT * anatomy.height_px * swing.breath)
    for j in range(cells.shape[1]):
        for i in range(cells.shape[2]):
            head = cells[4, j, i]
            # what comes here stood before or behind it: as the slope has it
            shrinks = max(np.float32(STEEPEST), ONE + head * (slopes[0, j, i] * yaw + slopes[1, j, i] * pitch))
            near = cells[6, j, i] / shrinks
            along = near * yaw - cells[0, j, i] * less_yaw + turn
            down = (near * (ONE - less_yaw) - cells[0, j, i] * yaw) * pitch - cells[1, j, i] * less_pitch + bow
            x = -along * down_y - down * down_x - cells[2, j, i] * less_roll + cells[3, j, i] * roll - shift_x
            y = along * down_x - down * down_y - cells[3, j, i] * less_roll - cells[2, j, i] * roll - shift_y
            field[j, 0, i] = head * x
            field[j, 1, i] = head * y + cells[5, j, i] * lift


def brought_to(area: Area, field: FloatArray) -> Area:
    """Return where a field brings what is in an area: all pixels that it takes from there, and a few more."""
    return Area(*_brought_to(area.left, area.top, area.right, area.bottom, field))


@compiled
def _brought_to(left: int, top: int, right: int, bottom: int, field: FloatArray) -> tuple[int, int, int, int]:
    low_x, high_x, low_y, high_y = _reach(field, 0, field.shape[0], 0, field.shape[2])
    far = math.ceil(max(max(-low_x, high_x), max(-low_y, high_y))) + 1
    first_x, first_y, end_x, end_y = left - far, top - far, right + far, bottom + far
    for _ in range(2):  # what is around moves less far than all of it, and that less again
        low_x, high_x, low_y, high_y = _reach(field, _cell(first_y), _cell(end_y) + 2, _cell(first_x), _cell(end_x) + 2)
        first_x, first_y = left - math.ceil(high_x) - 1, top - math.ceil(high_y) - 1
        end_x, end_y = right - math.floor(low_x) + 1, bottom - math.floor(low_y) + 1
    return first_x, first_y, end_x, end_y


@compiled
def _reach(field: FloatArray, first_row: int, end_row: int, first_column: int, end_column: int) -> tuple[Real, ...]:
    """Return the least and the most of a part of the field, across and down."""
    rows, columns = min(end_row, field.shape[0]), min(end_column, field.shape[2])
    first_row, first_column = min(first_row, rows - 1), min(first_column, columns - 1)
    low_x, low_y = field[first_row, 0, first_column], field[first_row, 1, first_column]
    high_x, high_y = low_x, low_y
    for j in range(first_row, rows):
        for i in range(first_column, columns):
            low_x, high_x = min(low_x, field[j, 0, i]), max(high_x, field[j, 0, i])
            low_y, high_y = min(low_y, field[j, 1, i]), max(high_y, field[j, 1, i])
    return low_x, high_x, low_y, high_y


@compiled
def _cell(place: int) -> int:
    """Return the row or column of a field before a pixel."""
    return max(0, (2 * place + CELL_PX + 1) // (2 * CELL_PX))


def still_field(width: int, height: int) -> FloatArray:
    """Return the field of a head that is still."""
    return np.zeros((len(_middles(height)) + 3, 2, len(_middles(width)) + 3), np.float32)


def _with_edges(*planes: Numbers) -> FloatArray:
    """Stack planes, with their edges repeated: before the first cell, and after the last for two."""
    stacked: NDArray[Any] = np.stack(planes)
    return np.pad(stacked, [(0, 0), (1, 2), (1, 2)], mode="edge").astype(np.float32)


def _rise(values: Numbers, axis: int) -> Numbers:
    """Return by how much values rise from each pixel to the next; one row or column does not."""
    return np.asarray(np.gradient(values, CELL_PX, axis=axis)) if values.shape[axis] > 1 else np.zeros_like(values)


def _middles(size: int) -> Numbers:
    return np.arange(0, size, CELL_PX) + (CELL_PX - 1) / 2


def _eased(value: Numbers) -> Numbers:
    """Rise from 0 at 0 to 1 at 1, level at both ends, in slope and in curvature."""
    t = np.clip(value, 0, 1)
    return np.asarray(t**3 * (t * (6 * t - 15) + 10))
