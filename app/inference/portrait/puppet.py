"""A portrait's lower face as a warp: tables prepared once, one shape a frame.

Coordinates are the mouth's own: x along it (−½…½ between the corners), y towards the chin, both in mouth
widths. Only a rectangle around the mouth and the chin is ever computed; the rest of the picture is copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.portrait.driver import MouthShape
from app.inference.portrait.mouth import MouthPaint, Plane, paint_mouth
from app.media import Image

# points of MediaPipe's face mesh, from the person's right to the left
INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
NOSE_BASE, CHIN, RIGHT_CORNER, LEFT_CORNER = 2, 152, 61, 291

MAX_JAW = 0.33  # mouth widths
MAX_SPREAD = 0.13  # of the mouth's width
MAX_ROUNDING = 0.30
UPPER_SHARE = 0.16  # of the opening, taken by the upper lip
CHIN_SHARE = 0.72  # of the opening, followed by the chin
REACH_X = 1.15  # mouth widths to each side that can move
NECK = 0.55  # below the chin, where the movement has died away
EDGE = 0.12  # of the rectangle, where the movement fades to nothing


@dataclass(frozen=True, slots=True)
class Puppet:
    """The tables of one portrait. Arrays are float32 over the moving rectangle unless said otherwise."""

    image: Image
    left: int
    top: int
    width_px: float  # of the mouth
    u: NDArray[np.float32]  # (2,), along the mouth
    v: NDArray[np.float32]  # (2,), towards the chin
    x: Plane
    y: Plane
    seam: Plane  # y of the line between the lips, at each x
    half: float  # of the inner mouth's width
    nose: float
    chin: float
    across: Plane  # how much a pixel takes part in spreading and rounding
    along_chin: Plane
    fade: Plane  # 0 at the rectangle's edge
    grid: tuple[Plane, Plane]  # pixel positions in the picture
    paint: MouthPaint


def make_puppet(image: Image, mesh: NDArray[np.float32]) -> Puppet:
    """Prepare a picture (BGR) with its mesh (468, 2)."""
    right, left = mesh[RIGHT_CORNER], mesh[LEFT_CORNER]
    width = float(np.linalg.norm(left - right))
    u = (left - right) / width
    v = np.array([-u[1], u[0]], np.float32)
    centre = (left + right) / 2
    chin = float((mesh[CHIN] - centre) @ v / width)
    nose = float((mesh[NOSE_BASE] - centre) @ v / width)
    corners = np.array([[sx, sy] for sx in (-REACH_X, REACH_X) for sy in (nose, chin + NECK)], np.float32)
    pixels = centre + (corners[:, :1] * u + corners[:, 1:] * v) * width
    height_px, width_px = image.shape[:2]
    x0, y0 = np.clip(np.floor(pixels.min(axis=0)), 0, (width_px - 2, height_px - 2)).astype(int)
    x1, y1 = np.clip(np.ceil(pixels.max(axis=0)), (x0 + 2, y0 + 2), (width_px, height_px)).astype(int)
    py, px = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    dx, dy = px - centre[0], py - centre[1]
    x = ((dx * u[0] + dy * u[1]) / width).astype(np.float32)
    y = ((dx * v[0] + dy * v[1]) / width).astype(np.float32)
    line = ((mesh[list(INNER_UPPER)] + mesh[list(INNER_LOWER)]) / 2 - centre) / width
    along, down = line @ u, line @ v
    seam = np.polyval(np.polyfit(along, down, 4), np.clip(x, along.min(), along.max())).astype(np.float32)
    return Puppet(
        image=image,
        left=int(x0),
        top=int(y0),
        width_px=width,
        u=u.astype(np.float32),
        v=v,
        x=x,
        y=y,
        seam=seam,
        half=float(along.max() - along.min()) / 2,
        nose=nose,
        chin=chin,
        across=_across(x, y, seam),
        along_chin=np.exp(-((x / 0.95) ** 4)),
        fade=_fade(x, y, nose, chin),
        grid=(px, py),
        paint=MouthPaint.matched_to(image, mesh, list(OUTER_UPPER), list(OUTER_LOWER)),
    )


def pose(puppet: Puppet, shape: MouthShape) -> Image:
    """Draw one shape: uint8 (height, width, 3), BGR. Outside the rectangle the picture is untouched."""
    if shape.at_rest:
        return puppet.image
    jaw = MAX_JAW * shape.jaw * (1 - 0.35 * shape.rounding)
    scale = 1 + MAX_SPREAD * shape.wide - MAX_ROUNDING * shape.rounding
    x = puppet.x
    source_x = x / (1 + (scale - 1) * puppet.across)
    inside = np.clip(source_x / puppet.half, -1, 1)
    arch = 0.6 * np.sqrt(1 - inside * inside) + 0.4 * (1 - inside * inside)
    upper, lower = -UPPER_SHARE * jaw * arch, (1 - UPPER_SHARE) * jaw * arch
    source_y = _source_y(puppet, jaw, upper, lower)
    rows, columns = x.shape
    px = puppet.grid[0] + ((source_x - x) * puppet.u[0] + (source_y - puppet.y) * puppet.v[0]) * (
        puppet.width_px * puppet.fade
    )
    py = puppet.grid[1] + ((source_x - x) * puppet.u[1] + (source_y - puppet.y) * puppet.v[1]) * (
        puppet.width_px * puppet.fade
    )
    warped: Any = cv2.remap(puppet.image, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    paint_mouth(warped, puppet.paint, source_x, puppet.y, puppet.seam + upper, puppet.seam + lower, puppet.half, jaw)
    frame = puppet.image.copy()
    frame[puppet.top : puppet.top + rows, puppet.left : puppet.left + columns] = warped
    return frame


def _source_y(puppet: Puppet, jaw: float, upper: Plane, lower: Plane) -> Plane:
    """Return where each pixel comes from: the nose stays, lips part, the chin follows, the neck fades out."""
    y, seam = puppet.y, puppet.seam
    above = np.clip((y - puppet.nose) / (seam + upper - puppet.nose + 1e-6), 0, 1)
    from_above = y - upper * above * np.sqrt(above)
    chin_drop = CHIN_SHARE * jaw * puppet.along_chin
    below = np.clip((y - seam - lower) / (puppet.chin - seam + 1e-6), 0, 1)
    neck = np.clip((y - puppet.chin - chin_drop) / (NECK - CHIN_SHARE * MAX_JAW), 0, 1)
    from_below = y - (lower * (1 - below) + chin_drop * below) * np.square(1 - neck * neck)
    return np.asarray(np.where(y < seam + upper, from_above, from_below))


def _across(x: Plane, y: Plane, seam: Plane) -> Plane:
    sideways = np.exp(-((x / 0.72) ** 4))
    away = np.maximum(0, np.abs(y - seam) - 0.18) / 0.30
    return np.asarray(sideways * np.exp(-away * away), np.float32)


def _fade(x: Plane, y: Plane, nose: float, chin: float) -> Plane:
    """Return 1 inside and 0 at the moving rectangle's edge, smoothly."""
    sides = (REACH_X - np.abs(x)) / (EDGE * 2 * REACH_X)
    top, bottom = (y - nose) / 0.08, (chin + NECK - y) / (EDGE * (chin + NECK - nose))
    t = np.clip(np.minimum(np.minimum(sides, top), bottom), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
