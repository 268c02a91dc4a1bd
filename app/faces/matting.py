"""A pixel at a person's edge: which share of it is the person's, and of which colours it was mixed."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media import FloatArray, Image

Mask = NDArray[np.uint8]  # 0…255
Plane = NDArray[Any]

BAND = 0.045  # of the face's height: to each side of the cut, where pixels may be partly the person's
SEEN = 0.012  # of the picture: how near the person's own colours are looked for
LEAST_CONTRAST = 14.0  # between the person and what is behind, of 255, below which colours tell nothing
CLEAR_CONTRAST = 2.2  # of both sides' own spread, from which the edge is clear


def shares(image: Image, inside: Plane, height_px: float) -> tuple[Mask, float]:
    """Return which share of each pixel is the person's, 0…255, and how clear the edge is, 0…1.

    ``inside``: over 0.5 where the person is, found roughly. ``height_px``: of the face.
    """
    band = max(2.0, BAND * height_px)
    person = inside > 0.5
    if person.all() or not person.any():
        return np.full(person.shape, 255 if person.all() else 0, np.uint8), 0.0
    within = cv2.distanceTransform(person.astype(np.uint8), cv2.DIST_L2, 5)
    beyond = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, 5)
    depth = np.where(person, within - 0.5, 0.5 - beyond)  # pixels inside the cut
    sigma = band * 1.2
    mine, mine_spread = around(image, depth > band, sigma)
    theirs, theirs_spread = around(image, depth < -band, sigma)
    across = mine - theirs
    contrast = np.sqrt((across**2).sum(axis=2))
    colours = image.astype(np.float32)
    share = ((colours - theirs) * across).sum(axis=2) / np.maximum(contrast**2, 1)
    drawn = np.clip(0.5 + depth / (2 * max(1.0, 0.25 * band)), 0, 1)  # where colours tell nothing
    trusted = np.clip((contrast - LEAST_CONTRAST) / (2 * LEAST_CONTRAST), 0, 1)
    spread = np.sqrt(mine_spread + theirs_spread)
    clearness = contrast / np.maximum(spread, 4.0)
    trusted = trusted * np.clip(clearness - 1, 0, 1)
    share = drawn + trusted * (np.clip(1.15 * share - 0.08, 0, 1) - drawn)
    # a patterned wall speaks in single pixels: there the neighbours have a say
    calm: Any = cv2.GaussianBlur(cv2.medianBlur(share.astype(np.float32), 5), (0, 0), 1.0)
    unclear = np.clip((2 * CLEAR_CONTRAST - clearness) / CLEAR_CONTRAST, 0, 1)
    share = share + unclear * (calm - share)
    # far inside all is the person's, far outside nothing
    near = np.clip((band + depth) / (0.5 * band), 0, 1), np.clip((depth - 0.3 * band) / (0.7 * band), 0, 1)
    alpha = np.clip(np.maximum(np.minimum(share, near[0]), near[1]), 0, 1)
    edge = np.abs(depth) < 1.5
    clear = float(np.mean(np.clip(clearness[edge] / CLEAR_CONTRAST, 0, 1) * (contrast[edge] > LEAST_CONTRAST)))
    return np.round(alpha * 255).astype(np.uint8), clear


def own_colours(image: Image, alpha: Mask) -> Image:
    """Return the person's colours alone, BGR, also where a pixel is only partly the person's; beyond, they go on."""
    sigma = max(2.0, SEEN * max(alpha.shape))
    mine, _ = around(image, alpha > 250, sigma)
    theirs, _ = around(image, alpha < 5, sigma)
    share, colours = alpha[..., None].astype(np.float32) / 255, image.astype(np.float32)
    own = (colours - (1 - share) * theirs) / np.maximum(share, 0.2)
    own = np.clip(own, np.minimum(mine, colours), np.maximum(mine, colours))  # no colour that neither has
    own = mine + np.clip((share - 0.1) / 0.5, 0, 1) * (own - mine)
    return np.asarray(np.clip(np.round(np.where(share >= 0.98, colours, own)), 0, 255), np.uint8)


def around(image: Image, where: NDArray[np.bool_], sigma: float) -> tuple[FloatArray, FloatArray]:
    """Return the mean colour near each pixel of those ``where``, and its variance; of a wider round where none is near.

    float32 (height, width, 3) and (height, width). ``sigma``: pixels.
    """
    factor = max(1, int(sigma / 3))
    size = (max(1, image.shape[1] // factor), max(1, image.shape[0] // factor))
    weight = where.astype(np.float32)
    total = image.astype(np.float32) * weight[..., None]
    squares = (image.astype(np.float32) ** 2).sum(axis=2) * weight
    layers = [cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in (weight, total, squares)]
    colour = np.zeros((size[1], size[0], 3), np.float32)
    spread = np.zeros((size[1], size[0]), np.float32)
    left = np.ones((size[1], size[0]), np.float32)
    reach = sigma / factor
    while reach < 4 * max(size):
        seen, sums, second = (cv2.GaussianBlur(layer, (0, 0), reach) for layer in layers)
        taken = left * np.clip(seen / 0.05, 0, 1)
        mean = sums / np.maximum(seen, 1e-6)[..., None]
        colour += taken[..., None] * mean
        spread += taken * np.maximum(0, second / np.maximum(seen, 1e-6) - (mean**2).sum(axis=2))
        left = left - taken
        if float(left.max()) < 1e-3:
            break
        reach *= 2
    whole = (image.shape[1], image.shape[0])
    return (
        np.asarray(cv2.resize(colour, whole, interpolation=cv2.INTER_LINEAR), np.float32),
        np.asarray(cv2.resize(spread, whole, interpolation=cv2.INTER_LINEAR), np.float32),
    )
