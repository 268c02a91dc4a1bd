"""Where a portrait's lips, nose and chin are, in the mouth's own coordinates.

x runs along the mouth (the corners lie at ∓½), y down the face, both in mouth widths; the axes follow the head's turn
and tilt, so they need not stand square in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import (
    CHIN,
    INNER_LOWER,
    INNER_UPPER,
    LEFT_CORNER,
    LEFT_EYE,
    OUTER_LOWER,
    OUTER_UPPER,
    RIGHT_CORNER,
    RIGHT_EYE,
    RING_MIDDLE,
)
from app.i420 import LUMA
from app.media import FloatArray, Image

SHUT_GAP, OPEN_GAP = 0.060, 0.090  # mouth widths between the lips: shut up to the one, open from the other
CLOSES_AT = 0.35  # of an open mouth's height, where the lips meet: the jaw moves more than the upper lip
OPEN_MARGIN = 0.014  # mouth widths by which the mesh draws an open mouth too small,
PALE_MARGIN = 0.012  # and by how much more where teeth show
PALE, PALER = 0.65, 0.45  # of the lips' redness: less than the one between them may be teeth, less than the other is
SEARCH = 0.055  # how far from the mesh's line the dark line between closed lips is looked for
SEAM_KNOTS = 64


@dataclass(frozen=True, slots=True)
class Curve:
    """y as a function of x: float32 knots, x rising; level beyond its ends."""

    x: NDArray[Any]
    y: NDArray[Any]

    def at(self, x: NDArray[Any]) -> FloatArray:
        """Evaluate anywhere."""
        return np.asarray(np.interp(x, self.x, self.y), np.float32)


@dataclass(frozen=True, slots=True)
class MouthFrame:
    """The coordinates: ``centre`` (2,) and ``axes`` (2, 2), a column each for x and y, pixels a mouth width."""

    centre: NDArray[np.float32]
    axes: NDArray[np.float32]
    width_px: float

    @classmethod
    def of(cls, mesh: NDArray[np.float32]) -> MouthFrame:
        """Lay them through the mesh (468, 2) of a picture."""
        right, left = mesh[RIGHT_CORNER], mesh[LEFT_CORNER]
        width = float(np.linalg.norm(left - right))
        if width < 1:  # a mouth of no width: take the eyes' line, and any size
            across = mesh[LEFT_EYE] - mesh[RIGHT_EYE]
            size = float(np.linalg.norm(across))
            along, width = (across / size if size > 0 else np.array([1.0, 0.0])), max(0.5 * size, 1.0)
        else:
            along = (left - right) / width
        down = mesh[CHIN] - (mesh[RIGHT_EYE] + mesh[LEFT_EYE]) / 2
        down = down / max(float(np.linalg.norm(down)), 1e-3)
        square = np.array([-along[1], along[0]])
        if down @ square < 0.8:  # no face is as askew as that: the mesh is
            down = square
        return cls((right + left) / 2, (np.stack([along, down], axis=1) * width).astype(np.float32), width)

    def to_mouth(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert pixels (n, 2) into mouth widths."""
        return np.asarray((points - self.centre) @ np.linalg.inv(self.axes).T, np.float32)

    def to_pixels(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert mouth widths (n, 2) into pixels."""
        return np.asarray(points @ self.axes.T + self.centre, np.float32)


@dataclass(frozen=True, slots=True)
class Lips:
    """The lips at rest. ``upper`` and ``lower``: their inner edges, one line where they are closed.

    ``top`` and ``bottom``: their outer edges. ``seam``: where they meet when they close. ``right``, ``middle`` and
    ``left``: x of the inner corners and of the face's own middle. ``gap``: between the edges in the middle.
    ``apart``: how surely the picture shows an open mouth, 0…1, so that a video's frames pass from one to the other
    without a jump.
    """

    upper: Curve
    lower: Curve
    top: Curve
    bottom: Curve
    seam: Curve
    right: float
    middle: float
    left: float
    gap: float
    apart: float


def find_lips(image: Image, mesh: NDArray[np.float32], frame: MouthFrame) -> Lips:
    """Find the lips' edges from the mesh and, where they are closed, from the dark line between them."""
    upper, lower, top, bottom = (
        _rising(frame.to_mouth(mesh[list(line)])) for line in (INNER_UPPER, INNER_LOWER, OUTER_UPPER, OUTER_LOWER)
    )
    gap = float(lower[RING_MIDDLE, 1] - upper[RING_MIDDLE, 1])
    x = np.linspace(upper[0, 0], upper[-1, 0], SEAM_KNOTS, dtype=np.float32)
    above: NDArray[Any] = _fitted(upper, x)
    below: NDArray[Any] = _fitted(lower, x)
    pale = _pale_between(image, frame, upper, lower, top, bottom) * float(np.clip((gap - 0.015) / 0.015, 0, 1))
    apart = max(float(np.clip((gap - SHUT_GAP) / (OPEN_GAP - SHUT_GAP), 0, 1)), pale)
    bow = np.sqrt(np.clip(1 - np.square(np.linspace(-1, 1, SEAM_KNOTS)), 0, 1))  # nothing at the corners
    margin = (OPEN_MARGIN + PALE_MARGIN * pale) * bow
    seam: NDArray[Any] = (above + below) / 2
    if apart < 1:
        seam = _dark_line(image, frame, x, seam)
    corners = np.minimum(bow * 4, 1)  # where the lips meet, whatever the mesh says
    above = seam + apart * corners * (above - margin - seam)
    below = seam + apart * corners * (np.maximum(below, above) + margin - seam)
    seam = seam + apart * (above + CLOSES_AT * (below - above) - seam)
    return Lips(
        upper=Curve(x, above),
        lower=Curve(x, below),
        top=Curve(top[:, 0], top[:, 1]),
        bottom=Curve(bottom[:, 0], bottom[:, 1]),
        seam=Curve(x, seam),
        right=float(x[0]),
        middle=float(np.clip((upper[RING_MIDDLE, 0] + lower[RING_MIDDLE, 0]) / 2, x[0] * 0.5, x[-1] * 0.5)),
        left=float(x[-1]),
        gap=apart * (max(gap, 0.0) + 2 * PALE_MARGIN * pale),
        apart=apart,
    )


def _pale_between(image: Image, frame: MouthFrame, *edges: NDArray[np.float32]) -> float:
    """Return how surely teeth show between the lips, 0…1: what is there is much less red than the lips.

    ``edges``: the inner upper, inner lower, outer upper and outer lower edge, from corner to corner.
    """
    upper, lower, top, bottom = (edge[3:8] for edge in edges)

    def redness(a: NDArray[np.float32], b: NDArray[np.float32], shares: tuple[float, ...]) -> NDArray[Any]:
        points = frame.to_pixels(np.concatenate([a + (b - a) * np.float32(share) for share in shares]))
        seen = cv2.remap(image, points[None, :, 0], points[None, :, 1], cv2.INTER_LINEAR)[0].astype(np.float32)
        return np.asarray((seen[:, 2] - seen[:, :2].mean(axis=1)) / (seen.sum(axis=1) + 30))

    lips = float(np.median(np.concatenate([redness(top, upper, (0.4, 0.6)), redness(bottom, lower, (0.4, 0.6))])))
    between = float(np.percentile(redness(upper, lower, (0.2, 0.35, 0.5, 0.65, 0.8)), 25))
    return float(np.clip((PALE - between / lips) / (PALE - PALER), 0, 1)) if lips > 0.06 else 0.0  # not in grey


def _rising(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keep x in order, as a turned head may fold a corner over."""
    points = points.copy()
    points[:, 0] = np.maximum.accumulate(points[:, 0] + np.arange(len(points)) * 1e-4)
    return points


def _fitted(points: NDArray[np.float32], x: FloatArray) -> FloatArray:
    fit = np.polynomial.Polynomial.fit(points[:, 0], points[:, 1], 5)
    return np.asarray(fit(x), np.float32)


def _dark_line(image: Image, frame: MouthFrame, x: NDArray[Any], guess: NDArray[Any]) -> FloatArray:
    """Follow the darkest way along the lips near a guess, by dynamic programming; smooth, held at the corners."""
    offsets = np.linspace(-SEARCH, SEARCH, 33, dtype=np.float32)
    grid = np.stack(np.broadcast_arrays(x[None, :], guess[None, :] + offsets[:, None]), axis=-1).reshape(-1, 2)
    pixels = frame.to_pixels(np.asarray(grid, np.float32)).reshape(len(offsets), len(x), 2)
    last = np.array(image.shape[1::-1]) - 1
    low = np.clip(pixels.min(axis=(0, 1)) - 4, 0, last).astype(int)
    high = np.clip(pixels.max(axis=(0, 1)) + 5, low + 1, last + 1).astype(int)
    soft = cv2.GaussianBlur(image[low[1] : high[1], low[0] : high[0]], (0, 0), max(0.5, 0.008 * frame.width_px))
    pixels -= low.astype(np.float32)
    light = cv2.remap(soft, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    luma = light.astype(np.float32) @ LUMA
    cost = luma - luma.min(axis=0)
    cost = cost / max(float(np.percentile(cost, 95)), 6.0)
    ends = np.clip(np.abs(np.linspace(-1, 1, len(x))) - 0.75, 0, 1) * 4  # the mesh knows the corners better
    cost += (0.35 + ends) * np.square(offsets / SEARCH)[:, None]
    best = cost[:, 0].copy()
    came = np.zeros((len(offsets), len(x)), int)
    step = 0.6 * np.abs(np.arange(len(offsets))[:, None] - np.arange(len(offsets))[None, :]) ** 1.5
    for at in range(1, len(x)):
        total = best[None, :] + step
        came[:, at] = total.argmin(axis=1)
        best = total.min(axis=1) + cost[:, at]
    way = [int(best.argmin())]
    for at in range(len(x) - 1, 0, -1):
        way.append(int(came[way[-1], at]))
    found = guess + offsets[np.array(way[::-1])]
    return np.asarray(np.convolve(np.pad(found, 3, mode="edge"), np.ones(7) / 7, "valid"), np.float32)
