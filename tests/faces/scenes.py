"""The bundled person before walls of any kind: with the mask that is known, since it was put there."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.assets import DEFAULT_PICTURE
from app.faces.known_face import known_face
from app.faces.matting import own_colours
from app.faces.person import find_person
from app.media import Image

SIDE = 768
HAIR = (38, 60, 92)  # BGR, about the person's own


@cache
def person() -> tuple[Image, NDArray[np.uint8], NDArray[np.float32]]:
    """Return colours, mask and mesh. Before its own plain wall it is found to a pixel; that was looked at."""
    image = np.asarray(cv2.imread(str(DEFAULT_PICTURE)), np.uint8)
    known = known_face(image)
    assert known is not None
    mask = find_person(image, known.mesh).alpha
    return own_colours(image, mask), mask, known.mesh


def before(wall: Any) -> Image:
    """Put the person before a wall, (768, 768, 3) or a colour, BGR, with a camera's noise."""
    colours, mask, _ = person()
    share = mask[..., None] / 255
    noise = np.random.default_rng(1).normal(0, 2, colours.shape)
    wall = np.broadcast_to(np.asarray(wall, float), colours.shape)
    return np.asarray(np.clip(share * colours + (1 - share) * wall + noise, 0, 255), np.uint8)


def clouds(spread_px: float, strength: float, mean: tuple[float, float, float]) -> NDArray[Any]:
    """Return a wall of soft patches of colours."""
    noise = np.random.default_rng(3).normal(0, 1, (SIDE, SIDE, 3)).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(noise, (0, 0), spread_px))
    return np.asarray(np.clip(np.array(mean) + strength * soft / soft.std(), 0, 255))


def window() -> NDArray[Any]:
    """Return a room: a bright window with a frame, above a darker wall."""
    wall = np.full((SIDE, SIDE, 3), (190, 195, 200), np.float32)
    wall[:420, 60:330] = wall[:420, 350:640] = 250
    wall[:420, 330:350] = 80
    wall[420:] = (120, 150, 170)
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), 6))
