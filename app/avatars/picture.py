"""An uploaded file → a picture with one face in it, or the reason why not."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from app.errors import Refusal
from app.faces.face import FaceFinder
from app.media import Image

logger = logging.getLogger(__name__)

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MIN_FACE_PX = 64
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
GREYS_IN_ONE = 257  # of 16 bits, in one of 8
BEHIND = (235, 235, 235)  # shows through where a picture is transparent


class PictureError(Refusal):
    """A picture or a video that cannot become an avatar."""


@dataclass(frozen=True, slots=True)
class FacePicture:
    """``image``: BGR, even sides. ``mesh``: float32 (468, 2), pixels. ``notice``: what the user should know."""

    image: Image
    mesh: NDArray[np.float32]
    notice: str | None


def read_picture(data: bytes, finder: FaceFinder, max_side: int) -> FacePicture:
    """Decode, scale down to ``max_side`` and find the face.

    Raises:
        PictureError: ``picture_too_large``, ``not_an_image``, ``too_many_pixels``, ``image_truncated``,
            ``no_face`` or ``face_too_small``.
    """
    image = _even(_decode(data, max_side))
    boxes = finder.find(image)
    if not boxes:
        raise PictureError("no_face", "No face was found. Use a picture that shows one face from the front.")
    largest = boxes[0]
    if largest.side < MIN_FACE_PX:
        raise PictureError(
            "face_too_small",
            f"The face is {largest.side:.0f} pixels wide; at least {MIN_FACE_PX} are needed. "
            "Crop the picture closer to the face, or use a larger one.",
        )
    mesh = finder.mesh(image, largest)
    if mesh is None:
        raise PictureError("no_face", "The face is hidden or turned away. Use one that looks at the camera.")
    notice = None
    if len(boxes) > 1:
        notice = f"{len(boxes)} faces were found; the largest one will speak."
    return FacePicture(image, mesh, notice)


def _decode(data: bytes, max_side: int) -> Image:
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
    # scaled down first: what follows holds up every thread while it runs
    picture = _scalable(opened) if opened.mode.startswith("I") or opened.mode == "F" else opened
    scale = min(1.0, max_side / max(opened.size))
    if scale < 1:
        size = (max(1, round(opened.width * scale)), max(1, round(opened.height * scale)))
        picture = _scalable(opened).resize(size, PillowImage.Resampling.LANCZOS, reducing_gap=2.0)
        picture.info = opened.info
    turn = _TURNS.get(_orientation(opened))
    rgb = np.asarray(_opaque(picture if turn is None else picture.transpose(turn)))
    return np.ascontiguousarray(rgb[:, :, ::-1])


def _scalable(image: PillowImage.Image) -> PillowImage.Image:
    """Return it in a mode whose pixels can be averaged: a palette's numbers cannot."""
    if image.mode.startswith("I") or image.mode == "F":  # Pillow would cut what is over 255 off
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
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        ground = PillowImage.new("RGBA", image.size, (*BEHIND, 255))
        image = PillowImage.alpha_composite(ground, image.convert("RGBA"))
    return image.convert("RGB")


def _too_many_pixels() -> PictureError:
    return PictureError("too_many_pixels", "The picture has over 40 megapixels. Scale it down first.")


def _even(image: Image) -> Image:
    """Cut to even sides, as video codecs want them."""
    height, width = image.shape[:2]
    if min(height, width) < MIN_FACE_PX:
        raise PictureError("no_face", f"The picture is {width} by {height} pixels; no face fits in it.")
    return np.ascontiguousarray(image[: height - height % 2, : width - width % 2])
