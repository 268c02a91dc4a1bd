"""The person in a picture: from its own transparency where it has any, else found; or refused where that is a guess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.avatars.photograph import PictureError
from app.faces.matting import Mask
from app.faces.person import GOOD, USABLE, find_person
from app.media import Image

CLEAR_SHARE = 0.02  # of a picture's pixels: less transparency than that is no cut-out person
CLEAR = 16  # of 255


@dataclass(frozen=True, slots=True)
class Person:
    """``alpha``: uint8 (height, width), 255 where the person is. ``notices``: what the user should know of it."""

    alpha: Mask
    notices: list[str]


def person_of(image: Image, mesh: NDArray[np.float32], alpha: Mask | None = None) -> Person:
    """Return the person with the mesh (468, 2) in a BGR picture; ``alpha``: the picture's own transparency.

    Raises:
        PictureError: ``mask_unsure``.
    """
    if alpha is not None and float((alpha < CLEAR).mean()) >= CLEAR_SHARE:
        return Person(alpha, [])
    found = find_person(image, mesh)
    if found.sureness < USABLE:
        raise PictureError(
            "mask_unsure",
            "The person cannot be told from the background here. Use a picture with a plainer background, of "
            "another colour than hair and clothes, one that is transparent around the person, or keep the background.",
        )
    if found.sureness < GOOD:
        return Person(found.alpha, ["The person's outline is uncertain in places; look at the edge before you use it."])
    return Person(found.alpha, [])
