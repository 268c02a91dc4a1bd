"""What one picture's lower face is drawn from: its pixels at twice their resolution, and the mouth's colours."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.i420 import from_bgr, planes_of
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.fine import doubled
from app.inference.engines.portrait.geometry import Lips, MouthFrame
from app.inference.engines.portrait.mouth import Interior
from app.inference.engines.portrait.paint import CURVE_FROM, CURVE_TO, TOOTH_EDGE, TOOTH_EDGE_PX
from app.media import FloatArray, Image

Bytes = NDArray[np.uint8]

AROUND = 0.15  # of the mouth's width: pixels may come from so far outside what changes
CURVE_KNOTS = 512


class Ground(NamedTuple):
    """What a mouth is drawn from.

    ``left``, ``top``, even: of the pixels it can change. ``step``: pixels between the warp's columns and rows, of which
    the first are there. ``y``, ``u``, ``v``: the picture's planes doubled, from the pixel ``from_x``, ``from_y``, even.
    ``centre``, ``axes``, ``inverse``: float32 (2,), (2, 2), (2, 2): the mouth's coordinates, see ``MouthFrame``.
    ``curves``: float32 (3, n): where the lips meet and their inner edges at rest, from ``CURVE_FROM`` to ``CURVE_TO``.
    ``corners``: float32 (3,): x of the right inner corner, the middle and the left one. ``colours``: float32 (3, 3): of
    teeth, depth and tongue, in Y, U, V without their offsets. ``soft``: the width of the paint's edges; ``edge``: of a
    tooth's. ``grain``: float32, of each pixel; ``own``: how much of the picture's own open mouth shows there; (1, 1)
    where it is closed.
    """

    left: int
    top: int
    step: int
    y: Bytes
    u: Bytes
    v: Bytes
    from_x: int
    from_y: int
    centre: FloatArray
    axes: FloatArray
    inverse: FloatArray
    curves: FloatArray
    corners: FloatArray
    colours: FloatArray
    soft: float
    edge: float
    grain: FloatArray
    own: FloatArray


def ground_of(image: Image, mesh: NDArray[np.float32], frame: MouthFrame, lips: Lips, area: Area, step: int) -> Ground:
    """Prepare the pixels of ``area``; beyond the picture's edges it is mirrored."""
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
        y=doubled(planes.y),
        u=doubled(planes.u),
        v=doubled(planes.v),
        from_x=around.left,
        from_y=around.top,
        centre=np.asarray(frame.centre, np.float32),
        axes=np.ascontiguousarray(frame.axes, np.float32),
        inverse=np.ascontiguousarray(np.linalg.inv(frame.axes), np.float32),
        curves=np.stack([curve.at(x) for curve in (lips.seam, lips.upper, lips.lower)]),
        corners=np.array([lips.right, lips.middle, lips.left], np.float32),
        colours=interior.colours,
        soft=interior.rim_px / frame.width_px,
        edge=max(TOOTH_EDGE, TOOTH_EDGE_PX / frame.width_px),
        grain=interior.grain,
        own=interior.own,
    )
