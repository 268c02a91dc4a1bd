"""What shows behind a person: the picture's own background, sharp or blurred, a colour, another picture, or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from app.avatars.photograph import Photograph, PictureError
from app.faces.matting import Mask, around, own_colours
from app.media import Image

Kind = Literal["keep", "blur", "plain", "picture", "transparent"]

LiveBackground = Literal["keep", "blur", "green"]  # of a session: few, as each is prepared by itself

GREEN = (64, 177, 0)  # BGR: what studios key out
BLUR = 0.022  # of the longer side: the spread of what is blurred
HIDDEN = 0.06  # of the longer side: how far a person's colours go on where they are transparent
_COLOUR = re.compile(r"#([0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class Background:
    """``colour``: BGR, of a plain one. ``picture``: the file of another one, PNG, JPEG or WebP."""

    kind: Kind
    colour: tuple[int, int, int] = (0, 0, 0)
    picture: bytes = field(default=b"", repr=False)

    @property
    def replaces(self) -> bool:
        """Whether the person must be known."""
        return self.kind != "keep"

    @property
    def mark(self) -> bytes:
        """What tells it from another one."""
        return b"%s:%02x%02x%02x:" % (self.kind.encode(), *self.colour) + self.picture


KEEP, BLURRED, TRANSPARENT = Background("keep"), Background("blur"), Background("transparent")
GREEN_SCREEN = Background("plain", GREEN)
_NAMED = {"keep": KEEP, "blur": BLURRED, "green": GREEN_SCREEN}


def background_of(text: str) -> Background:
    """Read ``keep``, ``blur``, ``green`` or a colour such as ``#1f6feb``.

    Raises:
        PictureError: ``bad_background``.
    """
    if text in _NAMED:
        return _NAMED[text]
    found = _COLOUR.fullmatch(text)
    if found is None:
        raise PictureError("bad_background", "A background is keep, blur, green, or a colour such as #1f6feb.")
    red, green, blue = bytes.fromhex(found[1])
    return Background("plain", (blue, green, red))


def composed(image: Image, alpha: Mask, background: Background) -> Image:
    """Put a background behind the person in a BGR picture. ``alpha``: uint8, 255 where the person is.

    With :data:`TRANSPARENT` the person's colours are all there is, and go on a little where it is transparent.

    Raises:
        PictureError: see :class:`Photograph`, of a background's picture.
    """
    if not background.replaces:
        return image
    person = own_colours(image, alpha).astype(np.float32)
    share = alpha[..., None].astype(np.float32) / 255
    if background.kind == "transparent":
        reach = HIDDEN * max(alpha.shape)
        beyond = cv2.distanceTransform((alpha == 0).astype(np.uint8), cv2.DIST_L2, 5)
        mixed = person * np.clip(2 - np.asarray(beyond)[..., None] / reach, 0, 1)
    else:
        behind = _behind(image, alpha, background)
        mixed = behind + share * (person - behind)
    return np.asarray(np.clip(np.round(mixed), 0, 255), np.uint8)


def _behind(image: Image, alpha: Mask, background: Background) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    if background.kind == "blur":
        if not (alpha < 3).any():
            return image.astype(np.float32)
        return around(image, alpha < 3, BLUR * max(alpha.shape))[0]
    if background.kind == "picture":
        return _covering(Photograph(background.picture), alpha.shape[1], alpha.shape[0]).astype(np.float32)
    return np.full(image.shape, background.colour, np.float32)


def _covering(photograph: Photograph, width: int, height: int) -> Image:
    """Return the middle of a picture, as large as fills a size."""
    image = photograph.whole(2 * max(width, height)).image
    scale = max(width / image.shape[1], height / image.shape[0])
    rows, columns = min(image.shape[0], round(height / scale)), min(image.shape[1], round(width / scale))
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    part = image[top : top + max(1, rows), left : left + max(1, columns)]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (width, height), interpolation=method), np.uint8)
