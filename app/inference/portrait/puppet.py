"""A portrait's lower face as a warp: tables prepared once, one shape a frame.

Only a rectangle around the mouth and the chin is ever computed; the rest of the picture is copied. Coordinates are
the mouth's own (see ``geometry``). Every displacement fades out before the rectangle's edge and outside the jaw's
outline, so that collar, hair and background stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.portrait.geometry import CHIN, LEFT_JAW, NOSE_BASE, OVAL, RIGHT_JAW, Lips, MouthFrame, find_lips
from app.inference.portrait.mouth import Interior, Opening, paint_mouth
from app.inference.portrait.shape import MouthShape
from app.media import FloatArray, Image

Plane = NDArray[Any]  # float32 over the moving rectangle

# all in mouth widths, at a shape's 1
MAX_OPENING = 0.34
UPPER_SHARE = 0.20  # of the opening, taken by the upper lip
CHIN_SHARE = 0.62  # of the jaw's opening, followed by the chin
MAX_SPREAD, MAX_ROUNDING = 0.13, 0.30  # of the mouth's width
NARROWS = 0.07  # of its width, by a wide open jaw
CORNERS_DROP = 0.10  # of the opening
PUCKER, PRESS = 0.22, 0.22  # of the lips' thickness, gained by rounding and lost by pressing
TUCK_LIFT, TUCK_HIDE = 0.03, 0.06  # of the lower lip, under the teeth
TEETH_LIFT = 0.035  # of the upper lip, to show them
REACH_X = 1.15  # to each side that can move
NECK = 0.46  # below the chin, where all movement has died away
OUTSIDE = 0.40  # beyond the jaw's outline, likewise
BROW = 0.12  # above the nose's base, likewise
SETS_IN = 8  # times as fast as speech is sure of itself, the picture gives way
EDGE = 0.10  # of the rectangle, where the movement fades to nothing


@dataclass(frozen=True, slots=True)
class Puppet:
    """The tables of one portrait. Planes are float32 over the moving rectangle."""

    image: Image
    left: int
    top: int
    frame: MouthFrame
    lips: Lips
    x: Plane
    y: Plane
    t: Plane  # along the inner mouth: −1 and 1 at its corners
    upper: Plane  # the lips' inner edges at each pixel's x
    lower: Plane
    seam: Plane
    above: Plane  # 1 at the upper lip's top, 0 at the nose
    lip_top: Plane  # the lips' thickness at each x
    lip_bottom: Plane
    chin_y: float
    along_chin: Plane
    across: Plane  # how much a pixel takes part in spreading and rounding
    fade: Plane  # 0 at the rectangle's edge
    skin: Plane  # 0 away from the face
    grid: tuple[Plane, Plane]  # pixel positions in the picture
    interior: Interior


def make_puppet(image: Image, mesh: NDArray[np.float32]) -> Puppet:
    """Prepare a picture (BGR) with its mesh (468, 2)."""
    frame = MouthFrame.of(mesh)
    lips = find_lips(image, mesh, frame)
    chin = frame.to_mouth(mesh[[CHIN]])[0]
    nose = min(float(frame.to_mouth(mesh[[NOSE_BASE]])[0, 1]), float(lips.top.y.min()) - 0.06)
    chin_y = max(float(chin[1]), float(lips.bottom.y.max()) + 0.15)
    left, top, right, bottom = _rectangle(image, frame, nose - BROW, chin_y + NECK)
    py, px = np.mgrid[top:bottom, left:right].astype(np.float32)
    place = frame.to_mouth(np.stack([px, py], axis=-1).reshape(-1, 2)).reshape(*px.shape, 2)
    x, y = np.ascontiguousarray(place[..., 0]), np.ascontiguousarray(place[..., 1])
    span = np.where(x < lips.middle, lips.middle - lips.right, lips.left - lips.middle)
    t = (x - lips.middle) / span
    seam, upper, lower = lips.seam.at(x), lips.upper.at(x), lips.lower.at(x)
    lip_top, lip_bottom = lips.top.at(x), lips.bottom.at(x)
    skin = _skin(mesh, frame, left, top, px.shape)
    jaw_right, jaw_left = frame.to_mouth(mesh[[RIGHT_JAW, LEFT_JAW]])[:, 0]
    reach = np.where(x < lips.middle, lips.middle - jaw_right, jaw_left - lips.middle)  # a turned head's sides differ
    rise = np.clip((y - nose) / np.maximum(np.minimum(lip_top, upper - 0.02) - nose, 0.04), 0, 1)
    return Puppet(
        image=image,
        left=left,
        top=top,
        frame=frame,
        lips=lips,
        x=x,
        y=y,
        t=t.astype(np.float32),
        upper=upper,
        lower=lower,
        seam=seam,
        above=_eased(rise),
        lip_top=np.maximum(upper - lip_top, 0.03),
        lip_bottom=np.maximum(lip_bottom - lower, 0.03),
        chin_y=chin_y,
        along_chin=np.exp(-((np.abs(x - float(chin[0]) * np.clip(y / chin_y, 0, 1)) / 0.92) ** 4)),
        across=_across(x - lips.middle, y - seam, seam - nose, reach) * skin,
        fade=_fade(x, y, nose, chin_y),
        skin=skin,
        grid=(px, py),
        interior=Interior.matched_to(image, mesh, frame, lips, (left, top, right, bottom)),
    )


def pose(puppet: Puppet, shape: MouthShape) -> Image:
    """Draw one shape: uint8 (height, width, 3), BGR. Outside the rectangle the picture is untouched."""
    if shape.at_rest or (shape.still and not puppet.lips.apart):
        return puppet.image
    shape = replace(shape, speaking=_speaking(puppet.lips.apart, shape.speaking))
    opening = _opening(puppet, shape)
    source_x, source_y = _source(puppet, shape, opening)
    move_x, move_y = (source_x - puppet.x) * puppet.fade, (source_y - puppet.y) * puppet.fade
    (ux, vx), (uy, vy) = puppet.frame.axes
    rows, columns = puppet.x.shape
    moved: Any = cv2.remap(
        puppet.image,
        puppet.grid[0] + move_x * ux + move_y * vx,
        puppet.grid[1] + move_x * uy + move_y * vy,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    paint_mouth(moved, puppet.interior, opening, shape)
    frame = puppet.image.copy()
    frame[puppet.top : puppet.top + rows, puppet.left : puppet.left + columns] = moved
    return frame


def _speaking(apart: float, speaking: float) -> float:
    """Return how far lips have come from how they are in the picture; closed ones have nowhere to come from."""
    return (1 - min(1.0, 3 * apart) * (1 - speaking)) * min(1.0, SETS_IN * speaking)


def _opening(puppet: Puppet, shape: MouthShape) -> Opening:
    """Return where the lips' inner edges are, at each pixel's x, and where each pixel was along the mouth."""
    speaking, lips = shape.speaking, puppet.lips
    scale = 1 + speaking * (
        MAX_SPREAD * shape.wide * (1 - shape.rounding) - MAX_ROUNDING * shape.rounding - NARROWS * shape.opening
    )
    source_x = lips.middle + (puppet.x - lips.middle) / (1 + (scale - 1) * puppet.across)
    moved_t = puppet.t * ((source_x - lips.middle) / np.where(puppet.x == lips.middle, 1e-6, puppet.x - lips.middle))
    inside = np.clip(1 - np.square(moved_t), 0, 1)
    arch = 0.55 * np.sqrt(inside) + 0.45 * inside
    gap = MAX_OPENING * shape.opening * (1 - shape.closed)
    show = TEETH_LIFT * shape.teeth * min(1.0, shape.opening / 0.08) * (1 - shape.rounding)
    drop = CORNERS_DROP * gap * np.exp(-np.square(np.abs(moved_t) - 1) / 0.18)
    spoken_upper = puppet.seam - (UPPER_SHARE * gap + show + 0.02 * shape.tuck) * arch + drop * (1 - arch)
    spoken_lower = (
        puppet.seam + ((1 - UPPER_SHARE) * gap + 0.4 * show - TUCK_LIFT * shape.tuck) * arch + drop * (1 - arch)
    )
    upper = puppet.upper + speaking * (spoken_upper - puppet.upper)
    lower = np.maximum(puppet.lower + speaking * (spoken_lower - puppet.lower), upper)
    return Opening(source_x, puppet.y, moved_t, upper, lower, puppet.seam)


def _source(puppet: Puppet, shape: MouthShape, opening: Opening) -> tuple[Plane, Plane]:
    """Return where each pixel comes from: the nose stays, the lips part, the chin follows, the neck stays."""
    y, speaking = puppet.y, shape.speaking
    thicker = speaking * (PUCKER * shape.rounding - PRESS * shape.closed)
    lift = opening.upper - puppet.upper
    over = np.maximum(opening.upper - y, 0)  # within the upper lip, by how much its thickness has changed
    swell = thicker * over / (1 + np.square(over / puppet.lip_top)) * puppet.above
    from_above = y - lift * puppet.above + swell * np.clip(1.3 - np.abs(puppet.t), 0, 1)
    jaw = MAX_OPENING * shape.jaw * speaking - 0.7 * puppet.lips.gap * speaking
    chin = CHIN_SHARE * jaw * puppet.along_chin
    sink = opening.lower - puppet.lower
    under = np.maximum(y - opening.lower, 0)
    below = _eased(
        np.clip((under - puppet.lip_bottom) / np.maximum(puppet.chin_y - puppet.seam - puppet.lip_bottom, 0.1), 0, 1)
    )
    swell = thicker * under / (1 + np.square(under / puppet.lip_bottom)) * np.clip(1.3 - np.abs(puppet.t), 0, 1)
    hidden = (
        TUCK_HIDE
        * shape.tuck
        * speaking
        * np.exp(-np.square(under / puppet.lip_bottom))
        * np.clip(1 - np.square(puppet.t), 0, 1)
    )
    from_below = y - (sink * (1 - below) + chin * below) * puppet.skin - swell + hidden
    middle = (opening.upper + opening.lower) / 2
    return opening.source_x, np.where(y < middle, from_above, from_below)


def _rectangle(image: Image, frame: MouthFrame, top: float, bottom: float) -> tuple[int, int, int, int]:
    corners = np.array([[x, y] for x in (-REACH_X, REACH_X) for y in (top, bottom)], np.float32)
    pixels = frame.to_pixels(corners)
    height, width = image.shape[:2]
    left, first = np.clip(np.floor(pixels.min(axis=0)), 0, (width - 2, height - 2)).astype(int)
    right, last = np.clip(np.ceil(pixels.max(axis=0)), (left + 2, first + 2), (width, height)).astype(int)
    return int(left), int(first), int(right), int(last)


def _skin(mesh: NDArray[np.float32], frame: MouthFrame, left: int, top: int, shape: tuple[int, ...]) -> FloatArray:
    """Return 1 within the face's outline and 0 from ``OUTSIDE`` beyond it."""
    mask = np.full(shape, 255, np.uint8)
    outline = np.round(mesh[list(OVAL)] - (left, top)).astype(np.int32)
    cv2.fillPoly(mask, [outline], 0)
    outside: Any = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    return _eased(1 - np.clip(outside / (OUTSIDE * frame.width_px), 0, 1))


def _across(x: Plane, y: Plane, to_nose: Plane, reach: Plane) -> FloatArray:
    """Let the lips narrow and spread, not the cheeks, the nose or the chin; x and y from the lips' middle."""
    sideways = np.exp(-((np.abs(x) / np.clip(0.62 * reach, 0.54, 0.72)) ** 4))
    above = np.maximum(0, -y - 0.07) / (0.45 * np.maximum(to_nose, 0.1))
    below = np.maximum(0, y - 0.16) / 0.26
    return np.asarray(sideways * np.exp(-np.square(above) - np.square(below)), np.float32)


def _fade(x: Plane, y: Plane, nose: float, chin: float) -> FloatArray:
    """Return 1 inside and 0 at the moving rectangle's edge, smoothly."""
    sides = (REACH_X - np.abs(x)) / (EDGE * 2 * REACH_X)
    top, bottom = (y - nose + BROW) / BROW, (chin + NECK - y) / 0.12
    return _eased(np.clip(np.minimum(np.minimum(sides, top), bottom), 0, 1))


def _eased(t: Plane) -> FloatArray:
    return np.asarray(t * t * (3 - 2 * t), np.float32)
