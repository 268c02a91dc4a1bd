"""An eye as it lies in a picture: its own axes, and the edges of its lids along them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.faces.eyes import EyeOutline
from app.inference.engines.portrait.area import Area
from app.media import FloatArray

MIN_OPENING = 0.14  # in widths of the eye: less is closed already
OUTER_GROWTH, INNER_GROWTH = 1.17, 1.10  # the outline stops short of the corners


@dataclass(frozen=True, slots=True)
class EyeShape:
    """One eye in its own coordinates, in widths of the eye, from the middle between its corners.

    x runs along the eye, y towards the cheek. ``x``, ``upper``, ``lower``: float32 (97,), the lids' edges from
    corner to corner.
    """

    centre: FloatArray  # (2,), pixels
    width_px: float
    axes: FloatArray  # (2, 2), the unit vectors of x and y as its columns, in pixels
    x: FloatArray
    upper: FloatArray
    lower: FloatArray
    brow_height: float  # of the brow's lower edge above the upper lid

    @classmethod
    def of(cls, eye: EyeOutline, brow: NDArray[np.float32]) -> EyeShape:
        """Measure an outline. ``brow``: its lower edge from end to end, (n, 2), pixels: the cheek is away from it."""
        first, last = eye.upper[0], eye.upper[-1]
        centre, width = (first + last) / 2, max(float(np.linalg.norm(last - first)), 1e-3)
        along = (last - first) / width
        if np.array([-along[1], along[0]]) @ (brow.mean(axis=0) - centre) > 0:  # the head may lie on its side
            along = -along
        axes = np.stack([along, np.array([-along[1], along[0]], np.float32)], axis=1)
        x, upper, lower = _edges((eye.upper - centre) @ axes / width, (eye.lower - centre) @ axes / width)
        brow_height = float(upper.min() - ((brow[1:-1] - centre) @ axes[:, 1]).mean() / width)
        return cls(centre, width, axes, x, upper, lower, brow_height)

    def places(self, area: Area) -> tuple[FloatArray, FloatArray]:
        """Return x and y of an area's pixels, float32 (height, width) each."""
        px, py = np.mgrid[area.at][::-1].astype(np.float32)
        return self.at(np.stack([px, py], axis=2))

    def at(self, pixels: NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
        """Return x and y of points (..., 2)."""
        x, y = np.moveaxis((pixels - self.centre) @ self.axes / self.width_px, -1, 0)
        return np.asarray(x, np.float32), np.asarray(y, np.float32)

    @property
    def is_closed(self) -> bool:
        """Whether the eye is closed already."""
        return bool((self.lower - self.upper).max() < MIN_OPENING)

    def is_outside(self, width: int, height: int) -> bool:
        """Whether no point of it lies in a picture of so many pixels."""
        edges = np.stack([np.tile(self.x, 2), np.concatenate([self.upper, self.lower])], axis=1)
        points = self.centre + edges @ self.axes.T * self.width_px
        return not ((points >= 0) & (points <= (width - 1, height - 1))).all(axis=1).any()


def _edges(upper: FloatArray, lower: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return both lids' y on a dense axis of x, float32 (n,) each, from outlines (9, 2), outer corner first."""
    outer = np.sign(upper[0, 0])

    def drawn_out(points: FloatArray) -> tuple[FloatArray, FloatArray]:
        x = points[:, 0] * np.where(points[:, 0] * outer > 0, OUTER_GROWTH, INNER_GROWTH)
        order = np.argsort(x)
        return x[order], points[order, 1]

    (upper_x, upper_y), (lower_x, lower_y) = drawn_out(upper), drawn_out(lower)
    axis = np.linspace(upper_x[0] - 0.04, upper_x[-1] + 0.04, 97, dtype=np.float32)
    return (
        axis,
        np.interp(axis, upper_x, upper_y).astype(np.float32),
        np.interp(axis, lower_x, lower_y).astype(np.float32),
    )
