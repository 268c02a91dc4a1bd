"""A portrait's lower face as a warp: tables prepared once, one shape a frame.

The warp is smooth but for the line where the lips part, so it is known on a grid of a few pixels, for what lies above
that line and for what lies below. Coordinates are the mouth's own (see ``geometry``). Every displacement fades out
before the grid's edge and outside the jaw's outline, so that collar, hair and background stay where they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.i420 import from_bgr, planes_of
from app.inference.portrait.area import Area
from app.inference.portrait.field import CELL_PX
from app.inference.portrait.fine import doubled, phases_of
from app.inference.portrait.geometry import CHIN, LEFT_JAW, NOSE_BASE, OVAL, RIGHT_JAW, Lips, MouthFrame, find_lips
from app.inference.portrait.lips import Ground, draw_lips
from app.inference.portrait.mouth import Interior
from app.inference.portrait.paint import CURVE_FROM, CURVE_TO, Parting, inner_edges_of
from app.inference.portrait.shape import MouthShape
from app.media import I420, FloatArray, Image

Plane = NDArray[Any]  # float32, over the grid

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
STEPS_A_MOUTH = 40  # of the grid, about
AROUND = 0.15  # of the rectangle, from where a pixel may come
CURVE_KNOTS = 512
LEAST_PX = 1 / 64  # less movement than this leaves a pixel as it is


@dataclass(frozen=True, slots=True)
class Puppet:
    """The tables of one portrait. Planes are float32 over the grid."""

    area: Area  # that can change, of even sides
    step: int  # pixels, of the grid, which begins at the area's corner
    frame: MouthFrame
    lips: Lips
    x: Plane
    y: Plane
    t: Plane  # along the inner mouth: −1 and 1 at its corners
    span: Plane  # from the middle to the corner on a point's side
    upper: Plane  # the lips' inner edges at each point's x
    lower: Plane
    seam: Plane
    above: Plane  # 1 at the upper lip's top, 0 at the nose
    lip_top: Plane  # the lips' thickness at each x
    lip_bottom: Plane
    chin_y: float
    along_chin: Plane
    across: Plane  # how much a point takes part in spreading and rounding
    fade: Plane  # 0 at the grid's edge
    skin: Plane  # 0 away from the face
    ground: Ground


@dataclass(frozen=True, slots=True)
class Pose:
    """One shape of one portrait's mouth. ``warp``: see :func:`draw_lips`."""

    puppet: Puppet
    warp: FloatArray
    parting: Parting

    def draw(self, picture: I420, field: FloatArray) -> None:
        """Draw it into a copy of the portrait, in place. ``field``: how its head moves, see ``glide``."""
        margin = math.ceil(float(np.abs(field).max()) + 1)
        whole = Area(0, 0, picture.shape[1], picture.shape[0] * 2 // 3)
        to, planes = self._moving().grown(margin).even().within(whole), planes_of(picture)
        draw_lips(
            planes.y, planes.u, planes.v, self.puppet.ground, self.warp, self.parting, field, CELL_PX,
            to.left, to.top, to.right, to.bottom,
        )  # fmt: skip

    def _moving(self) -> Area:
        """Return where anything moves far enough to be seen."""
        moves = np.abs(self.warp[..., :3]).max(axis=2) > LEAST_PX / self.puppet.frame.width_px
        rows, columns = np.flatnonzero(moves.any(axis=1)), np.flatnonzero(moves.any(axis=0))
        if not len(rows):
            rows, columns = np.array([0, len(moves) - 1]), np.array([0, moves.shape[1] - 1])
        step, area = self.puppet.step, self.puppet.area
        return Area(
            area.left + step * (int(columns[0]) - 1),
            area.top + step * (int(rows[0]) - 1),
            area.left + step * (int(columns[-1]) + 2),
            area.top + step * (int(rows[-1]) + 2),
        )


def make_puppet(image: Image, mesh: NDArray[np.float32]) -> Puppet:
    """Prepare a picture (BGR) with its mesh (468, 2)."""
    frame = MouthFrame.of(mesh)
    lips = find_lips(image, mesh, frame)
    chin = frame.to_mouth(mesh[[CHIN]])[0]
    nose = min(float(frame.to_mouth(mesh[[NOSE_BASE]])[0, 1]), float(lips.top.y.min()) - 0.06)
    chin_y = max(float(chin[1]), float(lips.bottom.y.max()) + 0.15)
    area = _rectangle(image, frame, nose - BROW, chin_y + NECK)
    step = max(1, round(frame.width_px / STEPS_A_MOUTH))
    rows, columns = ((size - 1) // step + 2 for size in (area.bottom - area.top, area.right - area.left))
    py, px = np.mgrid[:rows, :columns].astype(np.float32) * step + np.array([area.top, area.left])[:, None, None]
    place = frame.to_mouth(np.stack([px, py], axis=-1).reshape(-1, 2)).reshape(*px.shape, 2)
    x, y = np.ascontiguousarray(place[..., 0]), np.ascontiguousarray(place[..., 1])
    span = np.where(x < lips.middle, lips.middle - lips.right, lips.left - lips.middle).astype(np.float32)
    seam, upper, lower = lips.seam.at(x), lips.upper.at(x), lips.lower.at(x)
    lip_top, lip_bottom = lips.top.at(x), lips.bottom.at(x)
    skin = _skin(mesh, frame, area, step, px.shape)
    jaw_right, jaw_left = frame.to_mouth(mesh[[RIGHT_JAW, LEFT_JAW]])[:, 0]
    reach = np.where(x < lips.middle, lips.middle - jaw_right, jaw_left - lips.middle)  # a turned head's sides differ
    rise = np.clip((y - nose) / np.maximum(np.minimum(lip_top, upper - 0.02) - nose, 0.04), 0, 1)
    return Puppet(
        area=area,
        step=step,
        frame=frame,
        lips=lips,
        x=x,
        y=y,
        t=((x - lips.middle) / span).astype(np.float32),
        span=span,
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
        ground=_ground(image, mesh, frame, lips, area, step),
    )


def pose(puppet: Puppet, shape: MouthShape) -> Pose | None:
    """Take one shape; None where the picture can stay as it is."""
    if shape.at_rest or (shape.still and not puppet.lips.apart):
        return None
    shape = replace(shape, speaking=_speaking(puppet.lips.apart, shape.speaking))
    source_x = _source_x(puppet, shape)
    parting = _parting(puppet, shape)
    along = ((source_x - puppet.lips.middle) / puppet.span).astype(np.float32)
    upper, lower = inner_edges_of(along, puppet.seam, puppet.upper, puppet.lower, parting)
    from_above, from_below = _source_y(puppet, shape, upper, lower)
    warp = np.stack(
        [
            (source_x - puppet.x) * puppet.fade,
            (from_above - puppet.y) * puppet.fade,
            (from_below - puppet.y) * puppet.fade,
            puppet.y - (upper + lower) / 2,
        ],
        axis=2,
    )
    widest = float((lower - upper).max()) / 2 + 2 * puppet.ground.soft + 2 * puppet.step / puppet.frame.width_px
    return Pose(puppet, np.asarray(warp, np.float32), parting._replace(widest=widest))


def _speaking(apart: float, speaking: float) -> float:
    """Return how far lips have come from how they are in the picture; closed ones have nowhere to come from."""
    return (1 - min(1.0, 3 * apart) * (1 - speaking)) * min(1.0, SETS_IN * speaking)


def _parting(puppet: Puppet, shape: MouthShape) -> Parting:
    gap = MAX_OPENING * shape.opening * (1 - shape.closed)
    show = TEETH_LIFT * shape.teeth * min(1.0, shape.opening / 0.08) * (1 - shape.rounding)
    return Parting(
        up=UPPER_SHARE * gap + show + 0.02 * shape.tuck,
        down=(1 - UPPER_SHARE) * gap + 0.4 * show - TUCK_LIFT * shape.tuck,
        drop=CORNERS_DROP * gap,
        speaking=shape.speaking,
        widest=0.0,
        jaw=shape.jaw,
        rounding=shape.rounding,
        tongue=shape.tongue,
        opening=shape.opening,
    )


def _source_x(puppet: Puppet, shape: MouthShape) -> Plane:
    """Return where each point was along the mouth, before it was spread or rounded."""
    scale = 1 + shape.speaking * (
        MAX_SPREAD * shape.wide * (1 - shape.rounding) - MAX_ROUNDING * shape.rounding - NARROWS * shape.opening
    )
    return np.asarray(puppet.lips.middle + (puppet.x - puppet.lips.middle) / (1 + (scale - 1) * puppet.across))


def _source_y(puppet: Puppet, shape: MouthShape, upper: Plane, lower: Plane) -> tuple[Plane, Plane]:
    """Return where each point comes from: the nose stays, the lips part, the chin follows, the neck stays.

    ``upper``, ``lower``: where the inner edges are now. Twice: if it lies above the mouth's middle, and if below.
    """
    y, speaking = puppet.y, shape.speaking
    thicker = speaking * (PUCKER * shape.rounding - PRESS * shape.closed)
    lift = upper - puppet.upper
    over = np.maximum(upper - y, 0)  # within the upper lip, by how much its thickness has changed
    swell = thicker * over / (1 + np.square(over / puppet.lip_top)) * puppet.above
    corners = np.clip(1.3 - np.abs(puppet.t), 0, 1)
    from_above = y - lift * puppet.above + swell * corners
    jaw = MAX_OPENING * shape.jaw * speaking - 0.7 * puppet.lips.gap * speaking
    chin = CHIN_SHARE * jaw * puppet.along_chin
    sink = lower - puppet.lower
    under = np.maximum(y - lower, 0)
    below = _eased(
        np.clip((under - puppet.lip_bottom) / np.maximum(puppet.chin_y - puppet.seam - puppet.lip_bottom, 0.1), 0, 1)
    )
    swell = thicker * under / (1 + np.square(under / puppet.lip_bottom)) * corners
    hidden = (
        TUCK_HIDE
        * shape.tuck
        * speaking
        * np.exp(-np.square(under / puppet.lip_bottom))
        * np.clip(1 - np.square(puppet.t), 0, 1)
    )
    return from_above, y - (sink * (1 - below) + chin * below) * puppet.skin - swell + hidden


def _ground(image: Image, mesh: NDArray[np.float32], frame: MouthFrame, lips: Lips, area: Area, step: int) -> Ground:
    """Lay out what the pixels are made of; beyond the picture's edges it is mirrored."""
    reach = 2 * math.ceil((AROUND * frame.width_px + 4) / 2)
    around, whole = area.grown(reach), Area(0, 0, image.shape[1], image.shape[0])
    part = around.within(whole)
    beyond = (part.top - around.top, around.bottom - part.bottom, part.left - around.left, around.right - part.right)
    planes = planes_of(from_bgr(np.asarray(cv2.copyMakeBorder(image[part.at], *beyond, cv2.BORDER_REFLECT), np.uint8)))
    interior = Interior.matched_to(image, mesh, frame, lips, area)
    x = np.linspace(CURVE_FROM, CURVE_TO, CURVE_KNOTS, dtype=np.float32)
    return Ground(
        left=area.left,
        top=area.top,
        step=step,
        y=doubled(phases_of(planes.y)),
        u=doubled(phases_of(planes.u)),
        v=doubled(phases_of(planes.v)),
        from_x=around.left,
        from_y=around.top,
        centre=np.asarray(frame.centre, np.float32),
        axes=np.ascontiguousarray(frame.axes, np.float32),
        inverse=np.ascontiguousarray(np.linalg.inv(frame.axes), np.float32),
        curves=np.stack([curve.at(x) for curve in (lips.seam, lips.upper, lips.lower)]),
        corners=np.array([lips.right, lips.middle, lips.left], np.float32),
        colours=interior.colours,
        soft=interior.rim_px / frame.width_px,
        grain=interior.grain,
        own=interior.own,
    )


def _rectangle(image: Image, frame: MouthFrame, top: float, bottom: float) -> Area:
    corners = np.array([[x, y] for x in (-REACH_X, REACH_X) for y in (top, bottom)], np.float32)
    pixels = frame.to_pixels(corners)
    height, width = image.shape[:2]
    left, first = np.clip(np.floor(pixels.min(axis=0)), 0, (width - 2, height - 2)).astype(int) & ~1
    right, last = np.clip(np.ceil(pixels.max(axis=0)), (left + 2, first + 2), (width, height)).astype(int)
    return Area(int(left), int(first), int(right + right % 2), int(last + last % 2))


def _skin(mesh: NDArray[np.float32], frame: MouthFrame, area: Area, step: int, shape: tuple[int, ...]) -> FloatArray:
    """Return 1 within the face's outline and 0 from ``OUTSIDE`` beyond it."""
    mask = np.full((shape[0] * step, shape[1] * step), 255, np.uint8)
    outline = np.round(mesh[list(OVAL)] - (area.left, area.top)).astype(np.int32)
    cv2.fillPoly(mask, [outline], 0)
    outside: Any = cv2.distanceTransform(mask, cv2.DIST_L2, 5)[::step, ::step]
    return _eased(1 - np.clip(outside / (OUTSIDE * frame.width_px), 0, 1))


def _across(x: Plane, y: Plane, to_nose: Plane, reach: Plane) -> FloatArray:
    """Let the lips narrow and spread, not the cheeks, the nose or the chin; x and y from the lips' middle."""
    sideways = np.exp(-((np.abs(x) / np.clip(0.62 * reach, 0.54, 0.72)) ** 4))
    above = np.maximum(0, -y - 0.07) / (0.45 * np.maximum(to_nose, 0.1))
    below = np.maximum(0, y - 0.16) / 0.26
    return np.asarray(sideways * np.exp(-np.square(above) - np.square(below)), np.float32)


def _fade(x: Plane, y: Plane, nose: float, chin: float) -> FloatArray:
    """Return 1 inside and 0 at the grid's edge, smoothly."""
    sides = (REACH_X - np.abs(x)) / (EDGE * 2 * REACH_X)
    top, bottom = (y - nose + BROW) / BROW, (chin + NECK - y) / 0.12
    return _eased(np.clip(np.minimum(np.minimum(sides, top), bottom), 0, 1))


def _eased(t: Plane) -> FloatArray:
    return np.asarray(t * t * (3 - 2 * t), np.float32)
