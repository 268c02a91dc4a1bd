"""A canvas in design units: x = 0 on the middle line of the face, y down, 768 units high when seen whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from tools.portraits.paint import Array, Points, spline, tapered, to_bytes, to_floats

SHIFT = 4  # OpenCV's sub-pixel bits
SMALL_SIGMA_PX = 6.0  # a wider blur is made on a smaller picture


@dataclass(frozen=True)
class Canvas:
    """``side``: pixels. ``unit``: pixels a design unit. ``middle_y``: the design height of the picture's middle.

    A view on it (:meth:`view`) has its own origin and scale, and its right half may lie on the left.
    """

    side: int
    unit: float
    middle_y: float
    at: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    tilt: float = 0.0
    mirror: int = 1

    def view(
        self, at: tuple[float, float], scale: tuple[float, float] = (1.0, 1.0), tilt: float = 0.0, mirror: int = 1
    ) -> Canvas:
        """Look at the same pixels from another origin; ``tilt`` lowers by so much a unit outwards."""
        return Canvas(self.side, self.unit, self.middle_y, at, scale, tilt, mirror)

    @cached_property
    def _grid(self) -> tuple[Array, Array]:
        rows, columns = np.mgrid[0 : self.side, 0 : self.side].astype(np.float32)
        x = (columns + 0.5 - self.side / 2) / self.unit
        y = (rows + 0.5 - self.side / 2) / self.unit + self.middle_y
        along = self.mirror * x - self.at[0]
        return along / self.scale[0], (y - self.at[1] - self.tilt * along) / self.scale[1]

    @property
    def x(self) -> Array:
        """Every pixel's x in design units."""
        return self._grid[0]

    @property
    def y(self) -> Array:
        """Every pixel's y in design units."""
        return self._grid[1]

    @property
    def local_unit(self) -> float:
        """Pixels a unit of this view, on average."""
        return self.unit * float(np.sqrt(self.scale[0] * self.scale[1]))

    def pixels(self, points: Points) -> Array:
        """Turn design coordinates into pixels, float64."""
        local = np.asarray(points, np.float64)
        along = local[..., 0] * self.scale[0]
        y = local[..., 1] * self.scale[1] + self.at[1] + self.tilt * along
        x = self.mirror * (along + self.at[0])
        middle = self.side / 2
        return np.stack([x * self.unit + middle, (y - self.middle_y) * self.unit + middle], -1) - 0.5

    def fixed(self, points: Points) -> Array:
        """Turn design coordinates into OpenCV's fixed point pixels."""
        return np.round(self.pixels(points) * (1 << SHIFT)).astype(np.int32)

    def ones(self, colour: Sequence[float]) -> Array:
        """Make a picture of one colour."""
        return np.broadcast_to(np.asarray(colour, np.float32), (self.side, self.side, 3)).copy()

    def blur(self, image: Array, sigma: float) -> Array:
        """Blur by ``sigma`` units."""
        sigma_px = sigma * self.local_unit
        if sigma_px <= 0:
            return image
        shrink = int(sigma_px // SMALL_SIGMA_PX)
        if shrink < 2:
            return cv2.GaussianBlur(image, (0, 0), sigma_px)
        side = max(8, self.side // shrink)
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma_px * side / self.side)
        large = cv2.resize(small, (self.side, self.side), interpolation=cv2.INTER_CUBIC)
        return cv2.GaussianBlur(large, (0, 0), 0.6 * shrink)  # no steps where light falls along a slope

    def fill(self, outline: Points, softness: float = 0.0) -> Array:
        """Make the mask of a closed outline."""
        mask = np.zeros((self.side, self.side), np.uint8)
        cv2.fillPoly(mask, [self.fixed(outline)], 255, cv2.LINE_AA, SHIFT)
        return self.blur(to_floats(mask), softness)

    def distance(self, curve: Points) -> Array:
        """Measure how far every pixel is from an open curve, in units."""
        mask = np.full((self.side, self.side), 255, np.uint8)
        cv2.polylines(mask, [self.fixed(curve)], False, 0, 1, cv2.LINE_8, SHIFT)
        return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5) / self.local_unit)

    def line(self, curve: Points, sigma: float, smooth: float = 0.0) -> Array:
        """Make a mask of 1 on a dense curve, that fades to both sides."""
        return np.asarray(np.exp(-0.5 * np.square(np.minimum(self.blur(self.distance(curve), smooth) / sigma, 40.0))))

    def ridge(self, points: Points, sigma: float) -> Array:
        """Make a soft line through a few points."""
        return self.line(spline(points), sigma, 0.6)

    def blob(self, cx: float, cy: float, sx: float, sy: float, angle: float = 0.0) -> Array:
        """Make a Gaussian bump of height 1; ``angle`` in degrees, clockwise."""
        cosine, sine = float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))
        dx, dy = self.x - cx, self.y - cy
        along, across = (dx * cosine + dy * sine) / sx, (dy * cosine - dx * sine) / sy
        return np.asarray(np.exp(-0.5 * (np.square(along) + np.square(across))))

    def pair(self, cx: float, cy: float, sx: float, sy: float, angle: float = 0.0) -> Array:
        """Make the same bump on both sides of the middle."""
        return np.asarray(self.blob(cx, cy, sx, sy, angle) + self.blob(-cx, cy, sx, sy, -angle))

    def noise(self, rng: np.random.Generator, sigma: float) -> Array:
        """Make smooth noise of unit variance."""
        small = max(1.0, sigma * self.unit / 2)
        side = int(np.ceil(self.side / small)) + 4
        field = cv2.resize(
            rng.standard_normal((side, side)).astype(np.float32), (self.side, self.side), interpolation=cv2.INTER_CUBIC
        )
        return field / float(field.std())

    def stroke(
        self, picture: Array, points: Points | Sequence[Array], width: float, colour: Sequence[float] | Array
    ) -> None:
        """Draw a hair into an 8-bit picture: full root, pointed tip."""
        outline = tapered(spline(points, steps=6), width)
        cv2.fillPoly(picture, [self.fixed(outline)], tuple(float(c) * 255 for c in colour), cv2.LINE_AA, SHIFT)

    def strand(self, picture: Array, curve: Array, tones: Array, width: float) -> None:
        """Draw a long hair into an 8-bit picture, coloured piece by piece, thinner towards its end."""
        points = self.fixed(curve).tolist()
        colours = (np.clip(tones, 0, 1) * 255).tolist()
        full = max(1, round(width * self.unit))
        thin_from = len(points) * (3 + len(points) % 5) // 8
        for i, (start, end, colour) in enumerate(zip(points[:-1], points[1:], colours, strict=False)):
            cv2.line(picture, start, end, colour, full if i < thin_from else max(1, full - 1), cv2.LINE_AA, SHIFT)


def strokes(image: Array, opacity: float, draw: object) -> Array:
    """Let ``draw`` paint on an 8-bit copy, and lay that over the picture."""
    assert callable(draw)
    plain = to_bytes(image)
    painted = plain.copy()
    draw(painted)
    change = to_floats(painted) - to_floats(plain)
    return np.asarray(image + opacity * change)
