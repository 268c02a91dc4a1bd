"""Which part of a picture shows a face well, in a frame of a chosen shape."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import CHIN, FOREHEAD, LEFT_CHEEK, LEFT_EYE, RIGHT_CHEEK, RIGHT_EYE

CropShape = Literal["portrait", "square", "landscape"]
CROP_SHAPES: tuple[CropShape, ...] = get_args(CropShape)

STEPS = 24  # from the height that a frame likes best down to the least
CLOSEST = 0.8  # of the height that it likes best, for the sake of a face in its middle
CENTRED = 0.10  # of the frame's width: a face may stand so far beside its middle
CROWN, COLLAR = 0.54, 0.22  # heights of the face that are kept above the forehead, for hair and air, and below the chin
LEAST = 1 + CROWN + COLLAR


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture, 0…1 of its width and height. ``aspect``: its width over its height, in pixels."""

    left: float
    top: float
    right: float
    bottom: float
    aspect: Fraction


@dataclass(frozen=True, slots=True)
class _Frame:
    """``aspect``: width over height. ``height``: the one that it likes best, in heights of the face.

    ``eyes``: where they stand, 0 at its top, 1 at its bottom.
    """

    aspect: Fraction
    height: float
    eyes: float


_FRAMES: dict[CropShape, tuple[_Frame, ...]] = {  # the first that has room
    "portrait": (_Frame(Fraction(3, 4), 3.2, 0.37),),
    "square": (_Frame(Fraction(1), 2.75, 0.39),),
    "landscape": (_Frame(Fraction(16, 9), 2.45, 0.42), _Frame(Fraction(4, 3), 2.45, 0.42)),
}


def crop_to_face(mesh: NDArray[np.float32], width: int, height: int, shape: CropShape) -> Box | None:
    """Return the part of a picture that shows the face with the mesh (468, 2), with room above its head.

    It never reaches beyond the picture: near an edge it is moved, then made smaller. None where the picture has no part
    of that shape that holds the head.
    """
    boxes = (_placed(_Face.of(mesh), width, height, frame) for frame in _FRAMES[shape])
    return next((box for box in boxes if box is not None), None)


def _placed(face: _Face, width: int, height: int, frame: _Frame) -> Box | None:
    aspect = float(frame.aspect)
    most = min(frame.height * face.height, height, width / aspect)
    least = min(LEAST * face.height, face.bottom_within(height) - face.top_within())
    if most < least:
        return None
    best, best_offset = None, float("inf")
    for size in np.linspace(most, max(least, CLOSEST * most), STEPS):
        across = float(size) * aspect
        left = float(np.clip(face.x - across / 2, 0, width - across))
        offset = abs(left + across / 2 - face.x) / across
        if offset < best_offset - 1e-3:
            best, best_offset = (left, float(size)), offset
        if offset <= CENTRED:
            break
    assert best is not None, "the first size fits"
    left, size = best
    top = face.eye_y - frame.eyes * size
    top = min(max(top, face.bottom_within(height) - size), face.top_within())  # all of the head before the chest
    top = float(np.clip(top, 0, height - size))
    return Box(left / width, top / height, (left + size * aspect) / width, (top + size) / height, frame.aspect)


@dataclass(frozen=True, slots=True)
class _Face:
    """Where a face stands in a picture, in pixels; its hair and collar are guessed by its height."""

    x: float
    eye_y: float
    forehead_y: float
    chin_y: float
    height: float

    @classmethod
    def of(cls, mesh: NDArray[Any]) -> _Face:
        height = max(1.0, float(np.linalg.norm(mesh[CHIN] - mesh[FOREHEAD])))
        x = float(mesh[[LEFT_CHEEK, RIGHT_CHEEK, FOREHEAD, CHIN], 0].mean())
        eye_y = float(mesh[[LEFT_EYE, RIGHT_EYE], 1].mean())
        low, high = sorted((float(mesh[FOREHEAD, 1]), float(mesh[CHIN, 1])))
        return cls(x, eye_y, low, high, height)

    def top_within(self) -> float:
        return max(0.0, self.forehead_y - CROWN * self.height)

    def bottom_within(self, height: int) -> float:
        return min(float(height), self.chin_y + COLLAR * self.height)
