"""How far a head stands out of its picture: the mesh's depth, smooth, and carried on over hair and neck.

The skull falls back from the face's outline as steeply as it is high there, down to the plane of the ears; so do the
chin to the neck, and hair. What lies in that plane hardly moves when a head turns: neither shoulders nor what is behind
need be cut from it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.mesh import LEFT_CHEEK, OVAL, RIGHT_CHEEK
from app.media import FloatArray
from app.smoothstep import smoothstep

Numbers = NDArray[np.floating[Any]]

SMOOTH = 0.035  # heights of the face: the points lie about so far apart
SMOOTH_CELLS = 0.45  # a field has nothing finer
FALLS_BACK = 0.95  # of its depth: so far from the outline what is there has fallen back to the ears' plane
LEAST_FALL = 0.10  # heights of the face
OUTLINE_STEPS = 4  # points between two of the mesh's outline
NEAR = 0.06  # heights of the face: how closely what lies outside follows the outline next to it


def relief_of(x: Numbers, y: Numbers, mesh: FloatArray, depth: FloatArray, height_px: float, cell_px: int) -> Numbers:
    """Return how far what is seen at each place stands before the ears: float64, the shape of ``x``, pixels.

    ``mesh``: float32 (468, 2). ``depth``: float32 (468,), pixels, from anywhere. ``x``, ``y``: pixels.
    """
    depth = depth - np.float32(depth[[RIGHT_CHEEK, LEFT_CHEEK]].mean())
    smooth = max(SMOOTH * height_px, SMOOTH_CELLS * cell_px)
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    outline, edge = _along(mesh[list(OVAL)]), _along(depth[list(OVAL), None])[:, 0]
    contour: Any = np.asarray(mesh[list(OVAL)], np.float32)
    off = np.array([-cv2.pointPolygonTest(contour, (float(px), float(py)), True) for px, py in places])
    relief = np.zeros(len(places))
    near = (off > -smooth) & (off < max(FALLS_BACK * float(np.abs(edge).max()), LEAST_FALL * height_px))
    beside = _carried(places[near], outline, edge, NEAR * height_px)
    reach = np.maximum(FALLS_BACK * np.abs(beside), LEAST_FALL * height_px)
    relief[near] = beside * (1 - smoothstep(np.clip(off[near] / reach, 0, 1)))
    within = off < smooth
    share = np.clip(off[within] / smooth + 0.5, 0, 1)
    relief[within] += (_mean(places[within], mesh, depth, smooth) - relief[within]) * (1 - share)
    return relief.reshape(x.shape)


def _mean(places: Numbers, points: FloatArray, values: FloatArray, smooth: float) -> Numbers:
    """Return the mean of the values around each place (n, 2), a tangent plane being laid through them."""
    found = np.empty(len(places))
    for begin in range(0, len(places), 512):  # a few megabytes at a time
        off = points[None].astype(np.float64) - places[begin : begin + 512, None]
        square = np.square(off).sum(axis=2) / (2 * smooth**2)
        weights = np.exp(square.min(axis=1, keepdims=True) - square)
        weights /= weights.sum(axis=1, keepdims=True)
        middle = (weights[..., None] * off).sum(axis=1)
        about = off - middle[:, None]
        spread = np.einsum("nk,nki,nkj->nij", weights, about, about) + np.eye(2) * (0.5 * smooth) ** 2
        rises = np.einsum("nk,nki,k->ni", weights, about, values)
        slope = np.linalg.solve(spread, rises[..., None])[..., 0]
        found[begin : begin + 512] = weights @ values - (slope * middle).sum(axis=1)
    return found


def _carried(places: Numbers, outline: Numbers, edge: Numbers, near: float) -> Numbers:
    """Return the outline's values as they are next to each place (n, 2)."""
    found = np.empty(len(places))
    for begin in range(0, len(places), 512):
        square = np.square(outline[None] - places[begin : begin + 512, None]).sum(axis=2)
        weights = 1 / np.square(square + near**2)
        found[begin : begin + 512] = (weights @ edge) / weights.sum(axis=1)
    return found


def _along(points: Numbers) -> Numbers:
    """Return an outline (n, m), closed, with points between its points."""
    shares = np.arange(OUTLINE_STEPS) / OUTLINE_STEPS
    after = np.roll(points, -1, axis=0)
    return (points[:, None] + (after - points)[:, None] * shares[None, :, None]).reshape(-1, points.shape[1])
