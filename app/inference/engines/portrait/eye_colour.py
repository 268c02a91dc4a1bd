"""Those of an eye's pixels that are more than looked up: the iris over the white, a lid's edge, new skin and lashes.

They are listed a row at a time, so that what lies under them is looked up for eight at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import Real, compiled
from app.inference.engines.portrait.lanes import LANES
from app.inference.engines.portrait.lid_pixels import Posed, lids_at
from app.inference.engines.portrait.lookup import byte_of, look_up_row, taken
from app.media import FloatArray

Bytes = NDArray[np.uint8]

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
SKIN_ABOVE = np.float32(0.17)  # widths of the eye from a lid's pixel up to the skin whose colour it takes
PLAIN = np.float32(0.5)  # of that is one plain colour, as skin in a fold lies in its shadow


class Mixed(NamedTuple):
    """A row's pixels that are mixed. ``columns``: int64 (width,), where in the row; float32 (…, width + LANES) else.

    ``shares``: (4, …): how much the lid covers, what of it is new skin, and lashes, and how freely the iris moves.
    ``of_ball``, ``of_lid``: (3, …): x and y in the doubled plane, and its value there.
    """

    columns: NDArray[np.int64]
    shares: FloatArray
    of_ball: FloatArray
    of_lid: FloatArray


@compiled
def room_for(width: int) -> Mixed:
    """Return a list for rows so wide, empty."""
    of_ball, of_lid = np.empty((3, width + LANES), np.float32), np.empty((3, width + LANES), np.float32)
    return Mixed(np.empty(width, np.int64), np.empty((4, width), np.float32), of_ball, of_lid)


@compiled
def list_mixed(
    mixed: Mixed, count: int, eye: Posed, edges: FloatArray, e: int, at: FloatArray, fine_at: FloatArray, scale: Real,
    first: int, end: int,
) -> int:  # fmt: skip
    """List an eye's pixels, from ``first`` to ``end`` of a row, that are mixed, after ``count`` others; move the rest.

    ``at``: float32 (2, width), where each lies in the picture at rest; ``fine_at``: likewise in the doubled plane,
    ``scale`` times as large. Returns how many are listed now.
    """
    columns, shares, of_ball, of_lid = mixed.columns, mixed.shares, mixed.of_ball, mixed.of_lid
    across, down = -scale * eye.along_y, scale * eye.along_x
    for k in range(first, end):
        stays, cover, lid, ball, new_skin, lash, free = lids_at(eye, edges, e, at[0, k], at[1, k])
        if stays:
            continue
        x, y = fine_at[0, k], fine_at[1, k]
        if lash == ZERO and (new_skin == ZERO if cover >= ONE else cover <= ZERO and free == ZERO):
            way = lid if cover >= ONE else ball
            fine_at[0, k], fine_at[1, k] = x + way * across, y + way * down
            continue
        of_ball[0, count], of_ball[1, count] = x + ball * across, y + ball * down
        of_lid[0, count], of_lid[1, count] = x + lid * across, y + lid * down
        shares[0, count], shares[1, count], shares[2, count], shares[3, count] = cover, new_skin, lash, free
        columns[count] = k
        count += 1
    return count


@compiled
def look_up_mixed(mixed: Mixed, fine: Bytes, count: int) -> None:
    """Look up what lies under those that are listed, in a doubled plane (rows, columns)."""
    for values in (mixed.of_ball, mixed.of_lid):
        look_up_row(values[2], fine, values[0], values[1], 0, count)


@compiled
def draw_mixed(
    out: Bytes, mixed: Mixed, first: int, end: int, eye: Posed, chroma: int, table: FloatArray, white: FloatArray,
    skin: FloatArray, plain: Real, lashes: Real, table_x: Real, table_y: Real,
) -> None:  # fmt: skip
    """Draw an eye's pixels, those from ``first`` to ``end`` of the list, into a row of one plane, uint8 (width,).

    ``table``, ``white``, ``skin``: float32 (rows, columns), see ``Upper``; ``table_x``, ``table_y``: from the doubled
    plane's places to the table's. ``plain``, ``lashes``: the colours of a lid and of its lashes.
    """
    columns, shares, of_ball, of_lid = mixed.columns, mixed.shares, mixed.of_ball, mixed.of_lid
    scale = np.float32(2 - chroma)
    gaze_x, gaze_y, above = scale * eye.gaze_x, scale * eye.gaze_y, HALF * SKIN_ABOVE * eye.width
    skin_scale, skin_off = HALF / scale, HALF / scale - HALF
    for n in range(first, end):
        value, cover, new_skin, free = of_ball[2, n], shares[0, n], shares[1, n], shares[3, n]
        if free > ZERO:
            x, y = of_ball[0, n] + table_x, of_ball[1, n] + table_y
            here, there = taken(table, x, y), taken(table, x - gaze_x, y - gaze_y)
            if here != there:
                value += free * (ONE if chroma == 1 else taken(white, x, y)) * (there - here)
        if cover > ZERO:
            lid = of_lid[2, n]
            if new_skin > ZERO:
                x = skin_scale * of_lid[0, n] + skin_off + above * eye.along_y
                y = skin_scale * of_lid[1, n] + skin_off - above * eye.along_x
                around = taken(skin, x, y)
                lid += (around - lid + (plain - around) * PLAIN) * new_skin
            value += (lid - value) * cover
        out[columns[n]] = byte_of(value + (lashes - value) * shares[2, n])
