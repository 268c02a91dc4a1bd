"""An uploaded picture's bytes → its pixels: the whole or a part of it, upright, as large as is wanted."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from app.errors import Refusal
from app.faces.crop import Box
from app.faces.matting import Mask
from app.media import Image

logger = logging.getLogger(__name__)

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP")
ORIENTATION_TAG = 0x0112
_Turn = PillowImage.Transpose
_TURNS = {  # EXIF orientation → what makes it upright
    2: _Turn.FLIP_LEFT_RIGHT,
    3: _Turn.ROTATE_180,
    4: _Turn.FLIP_TOP_BOTTOM,
    5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_270,
    7: _Turn.TRANSVERSE,
    8: _Turn.ROTATE_90,
}
LYING = (5, 6, 7, 8)  # orientations whose sides change places
GREYS_IN_ONE = 257  # of 16 bits, in one of 8
BEHIND = (235, 235, 235)  # shows through where a picture is transparent


class PictureError(Refusal):
    """A picture or a video that cannot become an avatar."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """``image``: BGR. ``alpha``: how much of each is there, 0…255; None where the picture knows no transparency."""

    image: Image
    alpha: Mask | None


class Photograph:
    """An uploaded picture, decoded once.

    Raises:
        PictureError: ``picture_too_large``, ``not_an_image``, ``too_many_pixels`` or ``image_truncated``.
    """

    def __init__(self, data: bytes) -> None:
        self._opened = _opened(data)
        self._orientation = _orientation(self._opened)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, upright."""
        width, height = self._opened.size
        return (height, width) if self._orientation in LYING else (width, height)

    def whole(self, max_side: int) -> Pixels:
        """Return all of it, scaled down to ``max_side``."""
        opened = self._opened
        # scaled down first: what follows holds up every thread while it runs
        picture = _scalable(opened) if _is_deep(opened) else opened
        scale = min(1.0, max_side / max(opened.size))
        if scale < 1:
            size = (max(1, round(opened.width * scale)), max(1, round(opened.height * scale)))
            picture = _scalable(opened).resize(size, PillowImage.Resampling.LANCZOS, reducing_gap=2.0)
            picture.info = opened.info
        return self._upright(picture)

    def part(self, box: Box, max_side: int) -> Pixels:
        """Return a part of it, of sides that four divides, scaled down to ``max_side``, never up."""
        width, height = self.size
        across, down = (box.right - box.left) * width, (box.bottom - box.top) * height
        scale = min(1.0, max_side / max(across, down))
        high = max(4, int(down * scale) // 4 * 4)
        wide = max(4, round(float(high * box.aspect) / 4) * 4)
        left, top, right, bottom = _as_stored(box, self._orientation)
        stored = self._opened.size
        place = (left * stored[0], top * stored[1], right * stored[0], bottom * stored[1])
        size = (high, wide) if self._orientation in LYING else (wide, high)
        picture = _scalable(self._opened).resize(size, PillowImage.Resampling.LANCZOS, box=place, reducing_gap=2.0)
        picture.info = self._opened.info
        return self._upright(picture)

    def _upright(self, picture: PillowImage.Image) -> Pixels:
        turn = _TURNS.get(self._orientation)
        turned = picture if turn is None else picture.transpose(turn)
        alpha = None
        if _is_transparent(turned):
            turned = turned.convert("RGBA")
            alpha = np.array(turned.getchannel("A"))
        return Pixels(np.ascontiguousarray(np.asarray(_opaque(turned))[:, :, ::-1]), alpha)


def _as_stored(box: Box, orientation: int) -> tuple[float, float, float, float]:
    """Return where a part of the upright picture lies in the one that is stored: left, top, right, bottom."""
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    if orientation in LYING:
        left, top, right, bottom = top, left, bottom, right
    if orientation in (2, 3, 7, 8):
        left, right = 1 - right, 1 - left
    if orientation in (3, 4, 6, 7):
        top, bottom = 1 - bottom, 1 - top
    return left, top, right, bottom


def _opened(data: bytes) -> PillowImage.Image:
    if len(data) > MAX_BYTES:
        raise PictureError("picture_too_large", "The file is over 10 MB. Use a smaller one.")
    try:
        opened = PillowImage.open(io.BytesIO(data), formats=FORMATS)
    except PillowImage.DecompressionBombError:
        raise _too_many_pixels() from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise PictureError(
            "not_an_image", "The file cannot be read. Use a PNG, JPEG or WebP, or an MP4 or WebM video."
        ) from error
    if opened.width * opened.height > MAX_PIXELS:
        raise _too_many_pixels()
    try:
        opened.load()
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # what Pillow's decoders raise on damaged files
        raise PictureError("image_truncated", "The file is damaged or was cut short. Save it again.") from error
    return opened


def _is_deep(image: PillowImage.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _is_transparent(image: PillowImage.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def _scalable(image: PillowImage.Image) -> PillowImage.Image:
    """Return it in a mode whose pixels can be averaged: a palette's numbers cannot."""
    if _is_deep(image):  # Pillow would cut what is over 255 off
        return PillowImage.fromarray((np.asarray(image).astype(np.uint32) // GREYS_IN_ONE).astype(np.uint8))
    if image.mode in ("P", "PA", "1"):
        return image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    return image


def _orientation(image: PillowImage.Image) -> int:
    """Read from the EXIF data how the camera was held; 1 is upright."""
    try:
        return int(image.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # a damaged note about the picture is no damage to the picture; Pillow raises anything here
        logger.info("picture: its EXIF data cannot be read")
        return 1


def _opaque(image: PillowImage.Image) -> PillowImage.Image:
    """Return it as RGB, on a light ground where it is transparent."""
    if _is_transparent(image):
        ground = PillowImage.new("RGBA", image.size, (*BEHIND, 255))
        image = PillowImage.alpha_composite(ground, image.convert("RGBA"))
    return image.convert("RGB")


def _too_many_pixels() -> PictureError:
    return PictureError("too_many_pixels", "The picture has over 40 megapixels. Scale it down first.")
