"""A mouth as a person sees it: seven points to drag, and the rules that keep it a mouth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import Refusal
from app.faces.mesh import (
    CHIN,
    LEFT_CORNER,
    LEFT_EYE,
    LOWER_LIP_BOTTOM,
    LOWER_LIP_EDGE,
    NOSE_BASE,
    RIGHT_CORNER,
    RIGHT_EYE,
    UPPER_LIP_EDGE,
    UPPER_LIP_TOP,
)

MIN_WIDTH = 0.1  # of the distance between the eyes; a pursed mouth has 0.3
MIN_LIP = 0.01  # of the mouth's width
CLOSED = 0.02  # of the mouth's width: nobody drags two edges onto one pixel, and pressed lips are found crossed
FOUND_PX = 0.5  # a point that was found outside the picture may stay there

Points = NDArray[np.float64]  # (7, 2), pixels, in the order of HANDLES


@dataclass(frozen=True, slots=True)
class Handle:
    """One of the points. ``point``: its number in the face mesh. Left and right are the picture's, not the person's."""

    name: str
    point: int
    label: str


HANDLES = (
    Handle("left_corner", RIGHT_CORNER, "Left corner"),
    Handle("right_corner", LEFT_CORNER, "Right corner"),
    Handle("upper_lip_top", UPPER_LIP_TOP, "Top of the upper lip"),
    Handle("upper_lip_edge", UPPER_LIP_EDGE, "Lower edge of the upper lip"),
    Handle("lower_lip_edge", LOWER_LIP_EDGE, "Upper edge of the lower lip"),
    Handle("lower_lip_bottom", LOWER_LIP_BOTTOM, "Bottom of the lower lip"),
    Handle("chin", CHIN, "Chin"),
)
HANDLE_POINTS = [handle.point for handle in HANDLES]
LEFT, RIGHT, TOP = 0, 1, 2  # places in HANDLES
ROWS = slice(TOP, len(HANDLES))  # those that lie one below the other
INNER = 3  # what is below this one may touch it
_PLACES = {handle.name: place for place, handle in enumerate(HANDLES)}


class MouthError(Refusal):
    """Points that are no mouth."""


def parse_mouth(data: Any) -> Points:
    """Read ``{"points": [{"name", "x", "y"}, …]}``, each point once and in any order; more in it is ignored.

    Raises:
        MouthError: ``bad_points``, ``bad_point``, ``unknown_point`` or ``missing_point``.
    """
    listed = data.get("points") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        raise MouthError("bad_points", 'Send {"points": [{"name", "x", "y"}, …]}, as GET shows them.')
    points = np.full((len(HANDLES), 2), np.nan)
    for entry in listed:
        place = _place(entry)
        if not np.isnan(points[place, 0]):
            raise MouthError("bad_point", f'"{HANDLES[place].name}" is there twice; send each point once.')
        points[place] = _coordinate(entry, "x"), _coordinate(entry, "y")
    missing = [handle.name for handle, point in zip(HANDLES, points, strict=True) if np.isnan(point[0])]
    if missing:
        raise MouthError("missing_point", f"Send all {len(HANDLES)} points; missing: {', '.join(missing)}.")
    return points


def mouth_as_json(points: Points) -> dict[str, Any]:
    """Write what ``parse_mouth`` reads."""
    pairs = zip(HANDLES, points.tolist(), strict=True)
    return {"points": [{"name": handle.name, "x": x, "y": y} for handle, (x, y) in pairs]}


def check_mouth(points: Points, mesh: NDArray[np.float32], width: int, height: int) -> None:
    """Refuse what no engine can draw. ``mesh``: float32 (468, 2), as found in a picture of so many pixels.

    Raises:
        MouthError: ``point_outside``, ``mouth_upside_down``, ``mouth_too_narrow``, ``mouth_above_nose`` or
            ``lips_crossed``.
    """
    _check_inside(points, mesh, width, height)
    eyes = mesh[LEFT_EYE] - mesh[RIGHT_EYE]
    apart = float(np.linalg.norm(eyes)) or 1.0
    across = float((points[RIGHT] - points[LEFT]) @ eyes) / apart
    if across < 0:
        raise MouthError("mouth_upside_down", "The corners have changed sides. Drag each to its own side of the mouth.")
    if across < MIN_WIDTH * apart:
        raise MouthError("mouth_too_narrow", "The mouth has no width. Drag the corners further apart.")
    mouth_width, down = mouth_axes(points)
    heights = points[ROWS] @ down
    if heights[0] <= mesh[NOSE_BASE] @ down:
        raise MouthError("mouth_above_nose", "The mouth reaches the nose. Drag the top of the upper lip below it.")
    for place, (above, below) in enumerate(pairwise(heights.tolist()), TOP):
        least = -CLOSED if place == INNER else MIN_LIP
        if below - above < least * mouth_width:
            upper, lower = HANDLES[place].label.lower(), HANDLES[place + 1].label.lower()
            raise MouthError("lips_crossed", f"Drag the {lower} below the {upper}.")


def mouth_axes(points: NDArray[Any]) -> tuple[Any, Any]:
    """Return the width (…), at least a pixel, and the unit vector (…, 2) towards the chin, of points (…, 7, 2)."""
    along = points[..., RIGHT, :] - points[..., LEFT, :]
    width = np.maximum(np.linalg.norm(along, axis=-1), 1)
    return width, np.stack([-along[..., 1], along[..., 0]], axis=-1) / width[..., None]


def _place(entry: Any) -> int:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise MouthError("bad_point", 'Each point is {"name", "x", "y"}.')
    if name not in _PLACES:
        raise MouthError("unknown_point", f"There is no point {name[:40]!a}; the points are {', '.join(_PLACES)}.")
    return _PLACES[name]


def _coordinate(entry: dict[str, Any], axis: str) -> float:
    value = entry.get(axis)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            if math.isfinite(value):
                return float(value)
        except OverflowError:  # an integer of hundreds of digits
            pass
    raise MouthError("bad_point", f'{axis} of "{entry["name"]}" must be a number of pixels.')


def _check_inside(points: Points, mesh: NDArray[np.float32], width: int, height: int) -> None:
    outside = ((points < 0) | (points > (width, height))).any(axis=1)
    moved = np.abs(points - mesh[HANDLE_POINTS]).max(axis=1) > FOUND_PX
    for handle, is_wrong in zip(HANDLES, outside & moved, strict=True):
        if is_wrong:
            raise MouthError(
                "point_outside", f"{handle.label}: it lies outside the picture. Drag it back, or use a wider picture."
            )
