"""Eyelids that close: the upper lid's own skin and lashes are drawn down over the eye.

Coordinates are the eye's own: x along it, y towards the cheek, from the middle between its corners, both in widths of
the eye. Only a rectangle around each eye is computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.eyes import EyeOutline
from app.inference.portrait.area import Area
from app.media import FloatArray, Image

Plane = NDArray[np.float32]  # over the eye's rectangle

MIN_WIDTH_PX = 8.0  # of an eye that is worth closing
MIN_OPENING = 0.14  # below it, it is closed already
OUTER_GROWTH, INNER_GROWTH = 1.17, 1.10  # the outline stops short of the corners
SPARE = 0.03  # below the outline, so that no white is left
SKIN = (0.25, 0.42)  # height of what gives way above the eye
BROW_SHARE = 0.65  # of the way up to the brow, at most: that stays where it is
UNFOLDED = 0.7  # of the new skin's colour is that of the skin above it, on a closed lid
PLAIN = 0.5  # of that is one colour, as what was in a fold was in its shadow
LIFT = 0.08  # of the opening, by which the lower lid comes up
CHEEK = 0.25  # below the eye, where that has died away
AROUND = 0.10  # of the rectangle, beyond all that
LASH = 0.030  # thickness of their line
LASH_SHARE = 0.6  # of its colour is their own, on a closed lid


@dataclass(frozen=True, slots=True)
class Eyelids:
    """One eye's tables, in widths of the eye."""

    area: Area
    width_px: float
    v: FloatArray  # (2,), towards the cheek
    y: Plane
    upper: Plane  # y of the upper lid's edge at each x, the eye being open
    opening: Plane  # from there to the lower lid; 0 beyond the corners
    skin: float  # height of what gives way
    grid: tuple[Plane, Plane]  # pixel positions in the picture
    skin_colour: FloatArray  # (3,), BGR, of the skin below the brow
    lashes: FloatArray  # (3,), BGR


def make_eyelids(image: Image, eye: EyeOutline, brow: NDArray[np.float32]) -> Eyelids | None:
    """Prepare one eye of a picture (BGR); None where there is nothing to close.

    ``brow``: its lower edge from end to end, (n, 2), pixels.
    """
    first, last = sorted((eye.upper[0], eye.upper[-1]), key=lambda corner: float(corner[0]))
    width = float(np.linalg.norm(last - first))
    if width < MIN_WIDTH_PX:
        return None
    u = (last - first) / width
    axes = np.stack([u, np.array([-u[1], u[0]], np.float32)], axis=1)
    centre = (first + last) / 2
    axis, upper, lower = _edges((eye.upper - centre) @ axes / width, (eye.lower - centre) @ axes / width)
    if (lower - upper).max() < MIN_OPENING:
        return None
    low = np.array([axis[0] - AROUND, upper.min() - SKIN[1] - AROUND])
    high = np.array([axis[-1] + AROUND, lower.max() + CHEEK + AROUND])
    corners = centre + np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])]) @ axes.T * width
    area = Area(*np.floor(corners.min(axis=0)).astype(int), *np.ceil(corners.max(axis=0)).astype(int) + 1)
    if area.within(Area(0, 0, image.shape[1], image.shape[0])) != area:
        return None
    py, px = np.mgrid[area.at].astype(np.float32)
    x, y = np.moveaxis((np.stack([px, py], axis=2) - centre) @ axes / width, 2, 0)
    edge = np.interp(x, axis, _softened(upper)).astype(np.float32)
    opening = _softened(np.where(lower > upper, lower - upper + SPARE, 0))
    brow_height = float(upper.min() - ((brow[1:-1] - centre) @ axes[:, 1]).mean() / width)
    skin, near = float(np.clip(BROW_SHARE * brow_height, *SKIN)), max(0.06, 0.8 / width)
    return Eyelids(
        area=area,
        width_px=width,
        v=axes[:, 1],
        y=y.astype(np.float32),
        upper=edge,
        opening=np.interp(x, axis, opening, 0, 0).astype(np.float32),
        skin=skin,
        grid=(px, py),
        skin_colour=_colour(image[area.at][(np.abs(x) < 0.3) & (np.abs(edge - y - 0.6 * skin) < near)], 50, 100),
        lashes=_colour(image[area.at][(np.abs(x) < 0.3) & (np.abs(edge - y) < near)], 0, 35),
    )


def close_eyelids(picture: Image, lids: Eyelids, closure: float) -> None:
    """Close an eye of ``picture`` (uint8, BGR) in place, so far: 0 (as it was) … 1."""
    drop, lift = closure * (1 - LIFT) * lids.opening, closure * LIFT * lids.opening
    above = lids.upper + drop - lids.y
    height = np.clip(above / (lids.skin + drop), 0, 1)
    from_above = drop * (height * height * (3 - 2 * height) - 1)  # the edge goes down whole, the brow stays
    depth = np.clip((lids.y - lids.upper - lids.opening + lift) / CHEEK, 0, 1)
    from_below = np.where(depth > 0, lift * np.square(1 - depth), 0)
    lid, eye = _moved(picture, lids, from_above), _moved(picture, lids, from_below)
    within = np.clip(lids.opening / MIN_OPENING, 0, 1)  # fainter towards the corners
    skin = (1 - PLAIN) * _skin_above(lid, lids.width_px) + PLAIN * lids.skin_colour
    lid += (skin - lid) * (UNFOLDED * closure * within * _new_skin(height))[..., None]
    covered = np.clip(above * lids.width_px + 0.5, 0, 1) * (drop > 0)
    drawn = eye + (lid - eye) * covered[..., None]
    drawn += (lids.lashes - drawn) * (LASH_SHARE * closure * within * _lash_line(above, lids.width_px))[..., None]
    picture[lids.area.at] = np.clip(drawn + 0.5, 0, 255).astype(np.uint8)


def _moved(picture: Image, lids: Eyelids, offset: Plane) -> NDArray[np.float32]:
    shift = (offset * lids.width_px).astype(np.float32)
    px, py = lids.grid[0] + shift * lids.v[0], lids.grid[1] + shift * lids.v[1]
    return cv2.remap(picture, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)


def _new_skin(height: Plane) -> Plane:
    """Return 1 where skin comes out of its fold, 0 at the lashes and at the brow."""
    rise, fall = np.clip((height - 0.12) / 0.15, 0, 1), np.clip((0.85 - height) / 0.5, 0, 1)
    return np.asarray(rise * fall)


def _skin_above(lid: NDArray[np.float32], width_px: float) -> NDArray[np.float32]:
    """Return the mean colour of what lies above each pixel."""
    across, up = int(0.4 * width_px) | 1, max(1, int(0.18 * width_px))
    return np.asarray(cv2.blur(lid, (across, up), anchor=(-1, up - 1)), np.float32)


def _lash_line(above: Plane, width_px: float) -> Plane:
    """Return 1 along the lid's edge."""
    thickness = max(LASH, 0.8 / width_px)
    return np.asarray(np.exp(-np.square((above - 0.3 * thickness) / thickness)))


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


def _softened(values: FloatArray) -> FloatArray:
    window = np.hanning(15)[1:-1]
    return np.convolve(np.pad(values, 6, mode="edge"), window / window.sum(), "valid").astype(np.float32)


def _colour(pixels: NDArray[np.uint8], low: float, high: float) -> FloatArray:
    """Return the mean of those of (n, 3), BGR, whose luma lies between two percentiles: float32 (3,)."""
    luma = pixels @ np.array((0.114, 0.587, 0.299), np.float32)
    chosen = (luma >= np.percentile(luma, low)) & (luma <= np.percentile(luma, high))
    return np.asarray(pixels[chosen].mean(axis=0), np.float32)
