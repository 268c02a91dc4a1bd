"""A head that sways and breathes in its picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from app.i420 import chromas_of, planes_of, size_of
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.field import CELL_PX, Anatomy, Bearing, Swing, field_of
from app.inference.engines.portrait.fine import Plane, doubled
from app.inference.engines.portrait.glide import glide
from app.inference.engines.portrait.moment import MOST
from app.media import I420, FloatArray

BAND_CELLS = 4  # rows of cells that are drawn to the same width
LEAST_PX = 1 / 64  # less movement than this leaves the picture as it is


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a picture at twice its resolution, from the pixel (``left``, ``top``), both even.

    ``luma``: uint8 (1, 2 × height, 2 × width), ``chromas``: uint8 (2, height, width), see ``fine``.
    """

    left: int
    top: int
    luma: NDArray[np.uint8]
    chromas: NDArray[np.uint8]

    @classmethod
    def of(cls, picture: I420, left: int, top: int, around: int) -> Piece:
        """Double a picture that begins at (left, top) of the whole, its edges repeated ``around`` it, all even."""
        planes = planes_of(picture)
        chromas = [doubled(_grown(plane, around // 2)) for plane in (planes.u, planes.v)]
        return cls(left - around, top - around, doubled(_grown(planes.y, around))[None], np.stack(chromas))


@dataclass(frozen=True, slots=True)
class Head:
    """One picture's head, and what of it moves.

    ``bands``: int64 (n, 4), left, top, right and bottom, each as wide as its movement, all even.
    """

    bands: NDArray[np.int64]
    anatomy: Anatomy
    piece: Piece


def make_head(picture: I420, mesh: FloatArray, depth: FloatArray) -> Head | None:
    """Prepare a picture with its mesh (468, 2) and the points' depth (468,); None where nothing would move."""
    whole = Area(0, 0, *size_of(picture))
    anatomy = Bearing.of(mesh, whole).anatomy(mesh, depth)
    farthest = np.max([np.abs(field_of(anatomy, swing)) for swing in _extremes(MOST)], axis=0)[1:-2, :, 1:-2]
    bands = [(band.left, band.top, band.right, band.bottom) for band in _bands(farthest.max(axis=1) > LEAST_PX, whole)]
    if not bands:
        return None
    around = 2 * math.ceil(float(farthest.max()) / 2) + 4
    return Head(np.array(bands, np.int64), anatomy, Piece.of(picture, 0, 0, around))


def displacement(head: Head, now: Swing) -> FloatArray | None:
    """Return where each cell comes from: float32 (rows, 2, columns), pixels; None where nobody would see it."""
    field = field_of(head.anatomy, now)
    return field if float(np.abs(field).max()) >= LEAST_PX else None


def move_head(picture: I420, head: Head, field: FloatArray) -> None:
    """Draw the picture that was prepared, its head displaced by ``field``, into a copy of it, in place."""
    _move(picture, head.piece, field, head.bands)


def _move(picture: I420, piece: Piece, field: FloatArray, areas: NDArray[np.int64]) -> None:
    glide(planes_of(picture).y[None], piece.luma, piece.left, piece.top, field, CELL_PX, 2.0, areas)
    # of half the pixels: half as far
    left, top = piece.left // 2, piece.top // 2
    glide(chromas_of(picture), piece.chromas, left, top, field, CELL_PX // 2, 1.0, areas // 2)


def _extremes(most: Swing) -> Iterator[Swing]:
    """Yield the corners of what a head does."""
    for signs in product((-1.0, 1.0), repeat=len(most)):
        yield Swing(*(sign * part for sign, part in zip(signs, most, strict=True)))


def _bands(moves: NDArray[np.bool_], whole: Area) -> Iterator[Area]:
    """Yield what moves: bool (rows, columns), a cell each; and a cell more to each side, for what is interpolated."""
    for first in range(0, len(moves), BAND_CELLS):
        columns = np.flatnonzero(moves[max(0, first - 1) : first + BAND_CELLS + 1].any(axis=0))
        if len(columns):
            cells = (int(columns[0]) - 1, first, int(columns[-1]) + 2, first + BAND_CELLS)
            yield Area(*(CELL_PX * n for n in cells)).within(whole)


def _grown(plane: Plane, by: int) -> Plane:
    return np.asarray(cv2.copyMakeBorder(plane, by, by, by, by, cv2.BORDER_REPLICATE), np.uint8)
