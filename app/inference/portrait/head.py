"""A head that sways and breathes in its picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.inference.portrait.area import Area
from app.inference.portrait.field import CELL_PX, Bearing, dense
from app.inference.portrait.life import MOST, Moment
from app.inference.portrait.resampler import REACH, finer, look_up
from app.media import FloatArray, Image

BAND_CELLS = 4  # drawn at a time, so that what lies between stays in the processor's cache
LEAST_PX = 1 / 64  # less movement than this leaves the picture as it is


@dataclass(frozen=True, slots=True)
class Head:
    """One picture's field, and the picture at twice its resolution, over the area that moves.

    ``bands``: the area from the top down, each as wide as it must be. ``field``: see :meth:`Bearing.field`. ``fine``:
    uint8, see :func:`finer`. ``places``: int16 (height, width, 2), each pixel's place in it.
    """

    picture: Area
    area: Area
    bands: tuple[Area, ...]
    field: FloatArray
    fine: Image
    places: NDArray[np.int16]


def make_head(image: Image, mesh: NDArray[np.float32]) -> Head | None:
    """Prepare a picture (BGR) with its mesh (468, 2); None where nothing would move."""
    whole = Area(0, 0, image.shape[1], image.shape[0])
    bearing = Bearing.of(mesh, whole)
    farthest = np.abs(bearing.field(whole)).max(axis=3)
    moves = np.asarray(np.tensordot(MOST, farthest, axes=1) > LEAST_PX)
    bands = tuple(_bands(moves, whole))
    if not bands:
        return None
    area = Area(min(b.left for b in bands), bands[0].top, max(b.right for b in bands), bands[-1].bottom)
    around = area.grown(REACH).within(whole)
    fine = finer(np.ascontiguousarray(image[around.at]))
    return Head(whole, area, bands, bearing.field(area), fine, _places(area, around))


def _bands(moves: NDArray[np.bool_], whole: Area) -> Iterator[Area]:
    """Yield what moves: bool (rows, columns), a cell each; and a cell more to each side, for what is interpolated."""
    for first in range(0, len(moves), BAND_CELLS):
        columns = np.flatnonzero(moves[max(0, first - 1) : first + BAND_CELLS + 1].any(axis=0))
        if len(columns):
            cells = (int(columns[0]) - 1, first, int(columns[-1]) + 2, first + BAND_CELLS)
            yield Area(*(CELL_PX * n for n in cells)).within(whole)


def move_head(picture: Image, head: Head, now: Moment) -> Image:
    """Return the picture that was prepared with its head held as ``now`` says; the same object where nothing moves."""
    coarse = _displacement(head, now)
    if coarse is None:
        return picture
    moved = picture.copy()
    corner = head.area.left, head.area.top
    for band in head.bands:
        part = band.seen_from(*corner)
        moved[band.at] = look_up(head.fine, dense(coarse, part), head.places[part.at])
    return moved


def patch_head(moved: Image, picture: Image, head: Head, now: Moment, changed: Sequence[Area]) -> Image:
    """Return ``moved`` (see :func:`move_head`) as if it had been made of ``picture`` (uint8, BGR).

    ``changed``: where that differs from the picture that was prepared; only there is anything computed.
    """
    coarse = _displacement(head, now)
    if coarse is None:
        return picture
    moved = moved.copy()
    margin = math.ceil(float(np.abs(coarse).max()) / 2) + 1
    for area in changed:
        to = area.grown(margin).within(head.area)
        if not to.empty:
            around = to.grown(margin + REACH).within(head.picture)
            fine = finer(np.ascontiguousarray(picture[around.at]))
            part = to.seen_from(head.area.left, head.area.top)
            moved[to.at] = look_up(fine, dense(coarse, part), _places(to, around))
    return moved


def _displacement(head: Head, now: Moment) -> FloatArray | None:
    """Return it on the field's grid, in pixels of the finer picture; None where it is less than one can see."""
    parts = np.array([-now.dx, -now.dy, -now.roll, -now.breath], np.float32)
    coarse = np.asarray(2 * np.tensordot(parts, head.field, axes=1), np.float32)
    return coarse if float(np.abs(coarse).max()) >= 2 * LEAST_PX else None


def _places(area: Area, around: Area) -> NDArray[np.int16]:
    """Return where each pixel of ``area`` lies in the finer picture of ``around``: int16 (height, width, 2)."""
    x = 2 * (np.arange(area.left, area.right) - around.left)
    y = 2 * (np.arange(area.top, area.bottom) - around.top)
    return np.stack(np.meshgrid(x, y), axis=2).astype(np.int16)
