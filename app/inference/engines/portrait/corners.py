"""The mouth's corners, which a mood lifts or lowers: displacements on the head's own grid, added to its field.

Whatever the head's field moves, the mouth that speaks too, goes along. Lengths are in mouth widths, see ``geometry``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import INNER_LOWER, INNER_UPPER, LIP_OUTLINE, OUTER_LOWER, OUTER_UPPER
from app.i420 import LUMA
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.field import CELL_PX
from app.inference.engines.portrait.geometry import MouthFrame
from app.media import FloatArray, Image

Numbers = NDArray[Any]

MIN_WIDTH_PX = 44.0  # of a mouth: the grid is too coarse for a smaller one
LIFT, SPREAD = 0.078, 0.040  # of a corner that is up by all it can, up and out
CORNER = 0.47  # from the middle
REACH_X, REACH_UP, REACH_DOWN = 0.19, 0.30, 0.20  # of that
CHEEK = (0.72, -0.42)  # its middle, from the mouth's,
CHEEK_REACH = (0.30, 0.26)
CHEEK_SHARE = 0.30  # and how far it goes with the corner
LIPS = ((OUTER_UPPER[2:-2], INNER_UPPER[2:-2]), (OUTER_LOWER[2:-2], INNER_LOWER[2:-2]))
REDDER, DARKER = 0.012, 0.05  # lips than skin: their share of red, or their light
EDGE = 0.35  # at the picture's edges nothing moves
EDGE_CELLS = 1.5


@dataclass(frozen=True, slots=True)
class Corners:
    """Displacements in pixels: float32 (rows, 2, columns) each, as the head's field: corners that go up, and out."""

    up: FloatArray
    out: FloatArray

    def field(self, amount: float) -> FloatArray:
        """Return what lifts the corners by −1…1: down they go straight."""
        return np.asarray(np.float32(amount) * self.up + np.float32(max(0.0, amount)) * self.out, np.float32)


def make_corners(image: Image, mesh: NDArray[np.float32]) -> Corners | None:
    """Prepare those of a picture (BGR) with its mesh (468, 2); None where they stay."""
    frame, picture = MouthFrame.of(mesh), Area(0, 0, image.shape[1], image.shape[0])
    if frame.width_px < MIN_WIDTH_PX or not _shows_lips(image, mesh):
        return None
    px, py = np.meshgrid(
        np.arange(picture.left, picture.right, CELL_PX) + (CELL_PX - 1) / 2,
        np.arange(picture.top, picture.bottom, CELL_PX) + (CELL_PX - 1) / 2,
    )
    x, y = np.moveaxis(frame.to_mouth(np.stack([px, py], axis=-1).reshape(-1, 2)).reshape(*px.shape, 2), 2, 0)
    reach_y = np.where(y < 0, REACH_UP, REACH_DOWN)
    corner = np.exp(-np.square((np.abs(x) - CORNER) / REACH_X) - np.square(y / reach_y))
    cheek = np.exp(-np.square((np.abs(x) - CHEEK[0]) / CHEEK_REACH[0]) - np.square((y - CHEEK[1]) / CHEEK_REACH[1]))
    edge = np.minimum(_off(px, picture.right, frame.width_px), _off(py, picture.bottom, frame.width_px))
    along, down = frame.axes.T
    up = (LIFT * edge * np.maximum(corner, CHEEK_SHARE * cheek))[..., None] * down
    out = (-SPREAD * edge * corner * np.tanh(x / 0.2))[..., None] * along
    return Corners(*(_with_edges(np.asarray(np.moveaxis(way, 2, 1), np.float32)) for way in (up, out)))


def _with_edges(way: FloatArray) -> FloatArray:
    """Repeat its edges as the head's field does: before the first cell, and after the last for two."""
    return np.pad(way, [(1, 2), (0, 0), (1, 2)], mode="edge")


def _shows_lips(image: Image, mesh: NDArray[np.float32]) -> bool:
    """Whether lips stand out from what is around them: under a mask they do not."""
    middle = mesh[list(LIP_OUTLINE)].mean(axis=0)
    lips = np.concatenate([mesh[list(outer)] + mesh[list(inner)] for outer, inner in LIPS]) / 2
    around = middle + 1.45 * (mesh[list(LIP_OUTLINE)] - middle)
    lip, skin = (np.median(_seen(image, points), axis=0) for points in (lips, around))
    redder = abs(lip[2] / (lip.sum() + 1) - skin[2] / (skin.sum() + 1))
    return bool(redder > REDDER or abs(lip @ LUMA / max(1.0, float(skin @ LUMA)) - 1) > DARKER)


def _seen(image: Image, points: Numbers) -> Numbers:
    x, y = points.astype(np.float32).T[:, None]
    seen: Any = cv2.remap(cv2.blur(image, (3, 3)), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen[0], np.float32)


def _off(place: Numbers, size: int, width_px: float) -> Numbers:
    inside = np.minimum(place, size - 1 - place) - EDGE_CELLS * CELL_PX
    return np.asarray(np.clip(inside / (EDGE * width_px), 0, 1))
