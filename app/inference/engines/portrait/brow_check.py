"""Whether a picture shows brows that can be moved: bands of hair in bare skin, with no rims, fringe or hat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import (
    LEFT_BROW,
    LEFT_BROW_TOP,
    LEFT_EYE_CORNERS,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    NOSE_BRIDGE,
    RIGHT_BROW,
    RIGHT_BROW_TOP,
    RIGHT_EYE_CORNERS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
)
from app.i420 import LUMA
from app.media import Image

Numbers = NDArray[Any]

RIGHT = (RIGHT_BROW, RIGHT_BROW_TOP, RIGHT_UPPER_LID, RIGHT_LOWER_LID)
LEFT = (LEFT_BROW, LEFT_BROW_TOP, LEFT_UPPER_LID, LEFT_LOWER_LID)
SIDES = ((-1, RIGHT), (1, LEFT))

TURNED = 0.70  # of the wider eye's width, the other's at least: on a head turned further brows are foreshortened
COLUMNS = 24  # looked at of each side
# heights, in widths of an eye
MARGIN, NEAR = 0.12, 0.32  # above a brow, from where to where the skin is that all is compared with
STEP = 0.05
LEAST_BARE, MOST_BARE = 0.30, 0.90  # of the skin above the brows
UNDER = (0.22, 0.70)  # below an eye, where the lower rims of glasses lie
RIM = 0.16  # thickness that a rim has at most
SKIN_LUMA, SKIN_TINT = 0.20, 0.045  # by which skin's light, and its share of red and green, vary there
GRADUAL = 0.06  # by which the forehead's light changes from column to column at most where it falls into shade
LIKE_CHEEKS = (0.62, 1.55)  # the forehead's light over the cheeks'
CHEEKS_TINT = 0.07
DARKER, SEEN = 0.10, 0.65  # a brow than skin at least, in so many of the columns
LIGHT_BELOW = 0.45  # of the way from the brow's light to the skin's, that is reached between brow and lid
BARE = 0.86  # of a row that is bare skin
BAR = 0.74  # of the nose's light, or less: a bar crosses it
RIM_SEEN, RIM_DARKER = 0.55, 0.16


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """Coordinates in widths of an eye, from the middle between the eyes: x to the picture's right, y to the chin."""

    centre: Numbers
    along: Numbers
    width_px: float
    turned: bool

    @classmethod
    def of(cls, mesh: NDArray[np.float32]) -> FaceFrame:
        """Lay them through the eyes' corners of a mesh (468, 2)."""
        right, left = (mesh[list(corners)] for corners in (RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS))
        across = left.mean(axis=0) - right.mean(axis=0)
        widths = sorted(max(float(np.linalg.norm(eye[1] - eye[0])), 1e-3) for eye in (right, left))
        along = across / max(float(np.linalg.norm(across)), 1e-3)
        return cls((left.mean(axis=0) + right.mean(axis=0)) / 2, along, widths[1], widths[0] < TURNED * widths[1])

    @property
    def down(self) -> Numbers:
        """The unit vector of y, in pixels."""
        return np.array([-self.along[1], self.along[0]])

    def at(self, points: Numbers) -> Numbers:
        """Convert pixels (..., 2)."""
        off = (points - self.centre) / self.width_px
        return np.stack([off @ self.along, off @ self.down], axis=-1)

    def colours(self, image: Image, x: Numbers, y: Numbers) -> Numbers:
        """Return a picture's colours at places of the same shape: float32 (..., 3), BGR."""
        points = self.centre + (x[..., None] * self.along + y[..., None] * self.down) * self.width_px
        shape = points.shape[:-1]
        flat = points.reshape(1, -1, 2).astype(np.float32)
        seen: Any = cv2.remap(image, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen.reshape(*shape, 3).astype(np.float32))


def bare_above(image: Image, mesh: NDArray[np.float32]) -> float | None:
    """Return how much bare skin there is above both brows, in widths of an eye; None where brows had better stay.

    ``image``: BGR, with its mesh (468, 2).
    """
    frame = FaceFrame.of(mesh)
    if frame.turned:
        return None
    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), max(0.6, 0.02 * frame.width_px)), np.uint8)
    if _wears_glasses(soft, mesh, frame):
        return None
    cheek = np.median(np.concatenate([_cheek(soft, mesh, frame, side, points) for side, points in SIDES]), axis=0)
    bare = []
    for side, points in SIDES:
        height = _judged(soft, mesh, frame, side, points, cheek)
        if height is None:
            return None
        bare.append(height)
    return min(bare) if min(bare) >= LEAST_BARE else None


def _judged(
    image: Image, mesh: NDArray[np.float32], frame: FaceFrame, side: int, points: tuple[Any, ...], cheek: Numbers
) -> float | None:
    """Return the bare skin's height above one brow; None where there is no brow that stands out."""
    low, high, lid, _ = (_sided(frame, mesh, line, side) for line in points)
    x = np.linspace(low[0, 0] + 0.04, low[-1, 0] - 0.10, COLUMNS)
    under, over, lids = (np.interp(x, line[:, 0], line[:, 1]) for line in (low, high, lid))

    def rows(first: Numbers, last: Numbers, count: int) -> Numbers:
        y = first + (last - first) * np.linspace(0, 1, count)[:, None]
        return frame.colours(image, np.broadcast_to(x * side, y.shape), y)

    skin = rows(over - MARGIN, over - NEAR, 6)
    plain = np.median(skin.reshape(-1, 3), axis=0)
    light = float(plain @ LUMA)
    if not LIKE_CHEEKS[0] < light / max(1.0, float(cheek @ LUMA)) < LIKE_CHEEKS[1]:
        return None
    if np.abs(_tint(plain) - _tint(cheek)).max() > CHEEKS_TINT:
        return None
    brow = (rows(over - 0.10, under + 0.08, 9) @ LUMA).min(axis=0)
    local = np.median(skin @ LUMA, axis=0)
    dark = brow < (1 - DARKER) * local
    between = (rows(under + 0.02, np.maximum(under + 0.04, lids - 0.10), 9) @ LUMA).max(axis=0)
    clear = between > brow + LIGHT_BELOW * (local - brow)
    if (dark & clear).mean() < SEEN:
        return None
    heights = np.arange(MARGIN + STEP, MOST_BARE, STEP)
    above = frame.colours(image, np.broadcast_to(x * side, (len(heights), COLUMNS)), over - heights[:, None])
    shaded = np.abs(np.diff(local)).max() < GRADUAL * light  # a strand of hair has an edge
    like = (np.abs(above @ LUMA / (local if shaded else light) - 1) < SKIN_LUMA) & (
        np.abs(_tint(above) - _tint(plain)).max(axis=-1) < SKIN_TINT
    )
    covered = np.flatnonzero(like.mean(axis=1) < BARE)
    return float(heights[covered[0]] if len(covered) else MOST_BARE)


def _wears_glasses(image: Image, mesh: NDArray[np.float32], frame: FaceFrame) -> bool:
    """Look for a bar across the nose, and for rims below the eyes."""
    ends = frame.at(mesh[list(NOSE_BRIDGE)])
    way = np.linspace(0, 1, 32)[:, None]
    x = ends[0, 0] + (ends[1, 0] - ends[0, 0]) * way + np.linspace(-0.06, 0.06, 5)
    y = np.broadcast_to(ends[0, 1] + (ends[1, 1] - ends[0, 1]) * way, x.shape)
    nose = np.median(frame.colours(image, x, y) @ LUMA, axis=1)
    if nose.min() < BAR * float(np.median(nose)):
        return True
    seen = []
    for side, points in SIDES:
        low = _sided(frame, mesh, points[3], side)
        x = np.linspace(low[0, 0] + 0.15, low[-1, 0] - 0.15, COLUMNS)
        y = np.interp(x, low[:, 0], low[:, 1]) + np.linspace(*UNDER, 40)[:, None]
        luma = frame.colours(image, np.broadcast_to(x * side, y.shape), y) @ LUMA
        thick = round(RIM / (UNDER[1] - UNDER[0]) * 40) | 1
        closed: Any = cv2.morphologyEx(luma.astype(np.float32), cv2.MORPH_CLOSE, np.ones((thick, 1), np.uint8))
        seen.append(float(((closed - luma).max(axis=0) > RIM_DARKER * np.median(luma)).mean()))
    return min(seen) > RIM_SEEN


def _cheek(image: Image, mesh: NDArray[np.float32], frame: FaceFrame, side: int, points: tuple[Any, ...]) -> Numbers:
    low = _sided(frame, mesh, points[3], side)
    x, y = np.meshgrid(np.linspace(low[0, 0], low[-1, 0], 8), float(low[:, 1].max()) + np.linspace(0.45, 0.8, 5))
    return frame.colours(image, x * side, y).reshape(-1, 3)


def _sided(frame: FaceFrame, mesh: NDArray[np.float32], line: tuple[int, ...], side: int) -> Numbers:
    """Return points with x growing from the middle of the face outwards, in that order."""
    points = frame.at(mesh[list(line)]) * (side, 1)
    return np.asarray(points[np.argsort(points[:, 0])])


def _tint(colours: Numbers) -> Numbers:
    """Return the shares of red and of green, (..., 2), of BGR."""
    return np.asarray(colours[..., 1:] / (colours.sum(axis=-1, keepdims=True) + 1))
