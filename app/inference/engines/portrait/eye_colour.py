"""What colour a pixel of an eye has, where its lid and its ball come from there: looked up between what lies around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import Real, compiled
from app.inference.engines.portrait.lid_pixels import Posed
from app.inference.engines.portrait.lookup import BARELY_ONE
from app.media import FloatArray

Bytes = NDArray[np.uint8]

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
SKIN_ABOVE = np.float32(0.17)  # widths of the eye from a lid's pixel up to the skin whose colour it takes


@compiled
def eye_pixel(
    fine: Bytes, white: FloatArray, tables: FloatArray, skins: FloatArray, eye: Posed,
    e: int, c: int, chroma: int, cover: Real, of_lid: Real, of_eye: Real, of_plain: Real, new_skin: Real, plain: Real,
    ball: Real, x: Real, y: Real, from_x: Real, from_y: Real, scale: Real, off: Real,
) -> Real:  # fmt: skip
    """Return an eye's value at a place, in plane ``c``, without lashes; see :func:`lids_at`."""
    down_x, down_y = -eye.along_y, eye.along_x
    value = ZERO
    if cover < ONE:
        at_x, at_y = x + of_eye * down_x, y + of_eye * down_y
        value = _fine_at(fine, c, scale * (at_x - from_x) - off, scale * (at_y - from_y) - off)
        if ball > ZERO:
            fine_x, fine_y = scale * (at_x - eye.fine_x) - off, scale * (at_y - eye.fine_y) - off
            here = _table_at(tables, e, c, fine_x, fine_y)
            there = _table_at(tables, e, c, fine_x - scale * eye.gaze_x, fine_y - scale * eye.gaze_y)
            if here != there:
                light = ONE if chroma == 1 else _plain_at(white, e, fine_x, fine_y)
                value += ball * light * (there - here)
    if cover > ZERO:
        at_x, at_y = x + of_lid * down_x, y + of_lid * down_y
        lid = _fine_at(fine, c, scale * (at_x - from_x) - off, scale * (at_y - from_y) - off)
        if new_skin > ZERO:
            quarter = np.float32(0.25)
            up_x, up_y = at_x - SKIN_ABOVE * eye.width * down_x, at_y - SKIN_ABOVE * eye.width * down_y
            above = _plain_at(skins, chroma + c, HALF * (up_x - from_x) - quarter, HALF * (up_y - from_y) - quarter)
            lid += (above - lid) * new_skin + (plain - above) * of_plain
        value += (lid - value) * cover
    return value


@compiled
def _fine_at(planes: Bytes, c: int, x: Real, y: Real) -> Real:
    x = min(np.float32(planes.shape[2]) - BARELY_ONE, max(ZERO, x))
    y = min(np.float32(planes.shape[1]) - BARELY_ONE, max(ZERO, y))
    i, j = np.uint32(x), np.uint32(y)
    across, down = x - np.float32(i), y - np.float32(j)
    a, b = np.float32(planes[c, j, i]), np.float32(planes[c, j, i + np.uint32(1)])
    below = j + np.uint32(1)
    d, f = np.float32(planes[c, below, i]), np.float32(planes[c, below, i + np.uint32(1)])
    a += (b - a) * across
    return a + (d + (f - d) * across - a) * down


@compiled
def _plain_at(planes: FloatArray, c: int, x: Real, y: Real) -> Real:
    x = min(np.float32(planes.shape[2]) - BARELY_ONE, max(ZERO, x))
    y = min(np.float32(planes.shape[1]) - BARELY_ONE, max(ZERO, y))
    i, j = np.uint32(x), np.uint32(y)
    across, down = x - np.float32(i), y - np.float32(j)
    a, b = planes[c, j, i], planes[c, j, i + np.uint32(1)]
    below = j + np.uint32(1)
    d, f = planes[c, below, i], planes[c, below, i + np.uint32(1)]
    a += (b - a) * across
    return a + (d + (f - d) * across - a) * down


@compiled
def _table_at(tables: FloatArray, e: int, c: int, x: Real, y: Real) -> Real:
    x = min(np.float32(tables.shape[3]) - BARELY_ONE, max(ZERO, x))
    y = min(np.float32(tables.shape[2]) - BARELY_ONE, max(ZERO, y))
    i, j = np.uint32(x), np.uint32(y)
    across, down = x - np.float32(i), y - np.float32(j)
    a, b = tables[e, c, j, i], tables[e, c, j, i + np.uint32(1)]
    below = j + np.uint32(1)
    d, f = tables[e, c, below, i], tables[e, c, below, i + np.uint32(1)]
    a += (b - a) * across
    return a + (d + (f - d) * across - a) * down
