"""Where the model's face lies in a picture, and how its lower half is put back without a seam."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import JAW, LIP_OUTLINE
from app.i420 import from_bgr, put
from app.inference.engines.wav2lip.backend import FACE_SIDE
from app.media import I420, FloatArray, Image
from app.smoothstep import smoothstep

# The public script's detector boxes forehead to chin, to which it adds 10 pixels below on its examples; the mesh
# ends at the hairline and the chin too.
BOTTOM_PADDING = 0.06  # of the face's height

ROWS = FACE_SIDE // 2
# in the model's pixels, of which the box is 96 wide
SOFTNESS = 3.5  # the mask's edge, as a Gaussian's sigma
UPPER_FADE = 15.0  # over which the drawn half sets in below its upper edge
SUB_PIXEL_BITS = 4
DETAIL_GROWTH = 1.9  # the lips' outline, grown: within it the drawing's own detail counts, outside the picture's
COLOUR_REACH = 10.0  # how far inwards the border's colour difference is carried


@dataclass(frozen=True, slots=True)
class FaceRegion:
    """One face in one picture, ready to be drawn into.

    ``rows``, ``columns``: the lower half of the box, in the picture. ``left``, ``top``, ``around``: the picture there,
    uint8, BGR, from and to even places. ``original``: the lower half, float32, 0…255.
    ``cover``: float32 (rows, columns, 1), how much of the drawing shows, 0…1. ``detail``: what the picture holds
    that 96 pixels cannot. ``small``: the lower half as the model sees it, float32 (48, 96, 3), 0…255, and ``ring``:
    float32 (48, 96, 1), where drawing and picture must agree.
    """

    rows: slice
    columns: slice
    left: int
    top: int
    around: Image
    original: FloatArray
    cover: FloatArray
    detail: FloatArray
    small: FloatArray
    ring: FloatArray


def face_box(mesh: NDArray[np.float32], width: int, height: int) -> tuple[slice, slice]:
    """Return the rows and columns that the model is fed, an even number of rows, inside the picture."""
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    high = high + np.array([0, BOTTOM_PADDING * (high[1] - low[1])], np.float32)
    left, top = (int(v) for v in np.maximum(np.floor(low), 0))
    right, bottom = (int(v) for v in np.minimum(np.ceil(high), (width, height)))
    return slice(top, bottom - (bottom - top) % 2), slice(left, right)


def model_face(image: Image, box: tuple[slice, slice]) -> FloatArray:
    """Return the face as the model wants it: float32 (96, 96, 3), 0…255, BGR."""
    return cv2.resize(image[box], (FACE_SIDE, FACE_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)


def model_input(face: FloatArray) -> FloatArray:
    """Mask a face's lower half and stack both: float32 (96, 96, 3), 0…255 → (6, 96, 96), 0…1."""
    masked = face.copy()
    masked[FACE_SIDE // 2 :] = 0
    return np.ascontiguousarray(np.concatenate([masked, face], axis=2).transpose(2, 0, 1) / 255)


def face_region(image: Image, mesh: NDArray[np.float32], box: tuple[slice, slice], face: FloatArray) -> FaceRegion:
    """Prepare a picture's face for drawing."""
    top, bottom = box[0].start, box[0].stop
    rows = slice((top + bottom) // 2, bottom)
    original = image[rows, box[1]].astype(np.float32)
    small = face[FACE_SIDE // 2 :]
    size = original.shape[:2]
    # masks are smooth: made at the model's size, then enlarged
    scale = np.array([FACE_SIDE / size[1], len(small) / size[0]], np.float32)
    points = (mesh - np.array([box[1].start, rows.start], np.float32)) * scale
    cover, mouth = _cover(points), _mouth(points)
    ring = 4 * cover * (1 - cover)
    detail = original - _enlarged(small, size)
    detail *= (1 - _enlarged(mouth, size, cv2.INTER_LINEAR))[..., None]
    cover = _enlarged(cover, size, cv2.INTER_LINEAR)[..., None]
    left, first = box[1].start & ~1, rows.start & ~1
    around = image[first : rows.stop + rows.stop % 2, left : box[1].stop + box[1].stop % 2]
    return FaceRegion(rows, box[1], left, first, around, original, cover, detail, small, ring[..., None])


def paste(picture: I420, region: FaceRegion, drawn: FloatArray, share: float) -> I420:
    """Return a copy of the picture with the drawn lower half, float32 (48, 96, 3), 0…255, in it by ``share`` (0…1)."""
    matched = drawn + _carried(region.small - drawn, region.ring)
    large = _enlarged(matched, region.original.shape[:2])
    large += region.detail
    large -= region.original
    large *= region.cover * np.float32(share)
    large += region.original
    around = region.around.copy()
    top, left = region.rows.start - region.top, region.columns.start - region.left
    rows, columns = large.shape[:2]
    around[top : top + rows, left : left + columns] = np.clip(np.rint(large, out=large), 0, 255, out=large)
    frame = picture.copy()
    put(frame, region.left, region.top, from_bgr(around))
    return frame


def _enlarged(small: FloatArray, size: tuple[int, ...], how: int = cv2.INTER_CUBIC) -> FloatArray:
    return np.asarray(cv2.resize(small, (size[1], size[0]), interpolation=how))


def _carried(difference: FloatArray, ring: FloatArray) -> FloatArray:
    """Carry a difference from the ring inwards: a weighted mean of what is near."""
    weighted = cv2.GaussianBlur(difference * ring, (0, 0), COLOUR_REACH)
    weight = cv2.GaussianBlur(ring, (0, 0), COLOUR_REACH)
    return np.asarray(weighted / (weight.reshape(ring.shape) + 1e-3))


def _cover(points: NDArray[np.float32]) -> FloatArray:
    """Return where the drawing shows: within the jaw, fading towards it and towards the middle of the face."""
    jaw = points[list(JAW)]
    # closed far above, where the fade from the middle decides
    inside = _filled(np.concatenate([jaw, [[jaw[-1, 0], -ROWS], [jaw[0, 0], -ROWS]]]), SOFTNESS)
    down = np.arange(ROWS, dtype=np.float32)[:, None] + 0.5
    across = np.arange(FACE_SIDE, dtype=np.float32)[None] + 0.5
    edges = np.minimum(down[::-1], np.minimum(across, across[:, ::-1])) / (2 * SOFTNESS)
    return np.asarray(inside * _eased(down / UPPER_FADE) * _eased(edges), np.float32)


def _mouth(points: NDArray[np.float32]) -> FloatArray:
    """Return how much a pixel belongs to the mouth, 0…1, with a wide soft edge."""
    lips = points[list(LIP_OUTLINE)]
    middle = lips.mean(axis=0)
    return _filled(middle + (lips - middle) * DETAIL_GROWTH, 2 * SOFTNESS)


def _filled(polygon: NDArray[np.float32], soft: float) -> FloatArray:
    """Fill a polygon at the model's size and soften its edge: float32 (48, 96), 0…1."""
    inside = np.zeros((ROWS, FACE_SIDE), np.uint8)
    exact = np.rint(polygon * (1 << SUB_PIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(inside, [exact], 255, cv2.LINE_AA, SUB_PIXEL_BITS)
    return np.asarray(cv2.GaussianBlur(inside.astype(np.float32) / 255, (0, 0), soft, borderType=cv2.BORDER_CONSTANT))


def _eased(x: FloatArray) -> FloatArray:
    return np.asarray(smoothstep(np.clip(x, 0, 1)), np.float32)
