"""What a portrait's upper face is drawn from: its eyes' and brows' tables, prepared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.eyes import EyeOutline
from app.i420 import BLACK_LUMA, CHROMA, GREY_CHROMA, LUMA, Planes, planes_of
from app.inference.engines.portrait import lid_pixels as at
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.brows import Brows, make_brows
from app.inference.engines.portrait.eye_pixels import Upper
from app.inference.engines.portrait.eyeball import Eyeball, eyeball_of
from app.inference.engines.portrait.eyelids import SPARE, Eyelids, make_eyelids
from app.inference.engines.portrait.fine import doubled
from app.inference.engines.portrait.iris import find_iris
from app.media import I420, FloatArray, Image

SKIN_SIGMA = 0.10  # widths of the eye: over so much skin a lid's colour is the mean
VIDEO = 219 / 255
AROUND_PX = 12  # of what is drawn: what is looked up beyond it


@dataclass(frozen=True, slots=True)
class UpperTables:
    """One picture's. ``lids``: those that close; ``balls``: of each, None where its iris stays."""

    lids: Sequence[Eyelids]
    balls: Sequence[Eyeball | None]
    brows: Brows | None
    ground: Upper


def make_tables(image: Image, still: I420, eyes: Sequence[EyeOutline], mesh: NDArray[np.float32]) -> UpperTables:
    """Prepare a picture (BGR, and its I420) with its mesh (468, 2) and its eyes, the person's right one first."""
    lids = make_eyelids(image, eyes, mesh)
    irises = [find_iris(image, each) for each in lids]
    if None in irises:
        irises = [None] * len(lids)  # one alone would squint
    brows = make_brows(image, mesh)
    areas = [each.area for each in lids] + ([brows.area] if brows is not None else [])
    whole = Area(0, 0, image.shape[1], image.shape[0])
    around = reduce(Area.joined, areas or [Area(0, 0, 2, 2)]).grown(AROUND_PX).even().within(whole)
    planes = planes_of(still)
    fine = [
        doubled(np.ascontiguousarray(plane[_scaled(around, scale).at]))
        for plane, scale in ((planes.y, 1), (planes.u, 2), (planes.v, 2))
    ]
    balls = [
        None if iris is None else eyeball_of(_part(fine, around, each.area), each, iris)
        for each, iris in zip(lids, irises, strict=True)
    ]
    width_px = max((each.eye.width_px for each in lids), default=8.0)
    ground = Upper(
        luma=fine[0][None], chroma=np.stack(fine[1:]), from_x=around.left, from_y=around.top,
        left=brows.area.left if brows else 0, top=brows.area.top if brows else 0, step=brows.step if brows else 1,
        numbers=np.array([_numbers(*eye) for eye in zip(lids, balls, strict=True)], np.float32).reshape(-1, at.NUMBERS),
        edges=_stacked([np.stack([each.upper, each.opening]) for each in lids], 2),
        white=_stacked([np.zeros((1, 1)) if ball is None else ball.white for ball in balls], 2),
        taken=_stacked([np.zeros((1, 1, 1)) if ball is None else ball.taken[None] for ball in balls], 3),
        tint=_stacked([np.zeros((2, 1, 1)) if ball is None else ball.tint for ball in balls], 3),
        skins=_relit(_skins(planes, around, width_px), lids, around),
    )  # fmt: skip
    return UpperTables(lids, balls, brows, ground)


def _numbers(lids: Eyelids, ball: Eyeball | None) -> FloatArray:
    eye, numbers = lids.eye, np.zeros(at.NUMBERS, np.float32)
    numbers[at.CENTRE_X : at.CENTRE_X + 5] = *eye.centre, *eye.axes[:, 0], eye.width_px
    numbers[at.FROM_X], numbers[at.PER_X] = eye.x[0], (len(eye.x) - 1) / (eye.x[-1] - eye.x[0])
    numbers[at.SKIN], numbers[at.SPARE], numbers[at.MOVES] = lids.skin, SPARE, ball is not None
    numbers[at.LEFT : at.LEFT + 4] = lids.area.edges
    numbers[at.FINE_X : at.FINE_X + 2] = lids.area.left & ~1, lids.area.top & ~1
    numbers[at.SKIN_COLOUR : at.SKIN_COLOUR + 3] = _yuv(lids.relit * lids.skin_colour)
    numbers[at.LASHES : at.LASHES + 3] = _yuv(lids.lashes)
    return numbers


def _yuv(colour: FloatArray) -> tuple[float, float, float]:
    u, v = CHROMA[:, :3] @ colour + GREY_CHROMA
    return BLACK_LUMA + VIDEO * float(colour @ LUMA), float(u), float(v)


def _skins(planes: Planes, area: Area, width_px: float) -> FloatArray:
    """Return the mean of what lies around each place, a pixel of chroma each."""
    half = _scaled(area, 2)
    luma = cv2.resize(planes.y[area.at], (half.right - half.left, half.bottom - half.top), interpolation=cv2.INTER_AREA)
    return np.stack([
        cv2.GaussianBlur(plane.astype(np.float32), (0, 0), max(0.5, SKIN_SIGMA * width_px / 2))
        for plane in (luma, planes.u[half.at], planes.v[half.at])
    ]).astype(np.float32)  # fmt: skip


def _relit(skins: FloatArray, lids: Sequence[Eyelids], around: Area) -> FloatArray:
    """Light the skin around each eye as it is once it has come down."""
    for each in lids:
        luma = skins[0][_scaled(each.area.seen_from(around.left, around.top), 2).at]
        luma += (each.relit - 1) * (luma - BLACK_LUMA)
    return skins


def _part(fine: Sequence[NDArray[np.uint8]], around: Area, area: Area) -> list[NDArray[np.uint8]]:
    """Cut an area's part out of doubled planes."""
    inner = Area(area.left & ~1, area.top & ~1, area.right, area.bottom).even().seen_from(around.left, around.top)
    luma = fine[0][2 * inner.top : 2 * inner.bottom, 2 * inner.left : 2 * inner.right]
    return [luma, *(plane[inner.at] for plane in fine[1:])]


def _stacked(arrays: Sequence[NDArray[Any]], dimensions: int) -> FloatArray:
    """Stack arrays of different sizes, zeros beyond their ends."""
    if not arrays:
        return np.zeros((0, *(2,) * dimensions), np.float32)
    shape = np.max([array.shape for array in arrays], axis=0)
    stacked = np.zeros((len(arrays), *np.maximum(shape, 2)), np.float32)
    for to, array in zip(stacked, arrays, strict=True):
        to[tuple(slice(size) for size in array.shape)] = array
    return stacked


def _scaled(area: Area, scale: int) -> Area:
    return Area(area.left // scale, area.top // scale, area.right // scale, area.bottom // scale)
