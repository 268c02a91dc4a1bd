"""An uploaded file → a picture with one face in it, framed as it was asked for, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.avatars.background import composed
from app.avatars.framing import AS_IT_IS, Framing
from app.avatars.person_of import person_of
from app.avatars.photograph import MAX_BYTES, Photograph, PictureError, Pixels
from app.faces.crop import CropShape, crop_to_face
from app.faces.detector import FaceBox
from app.faces.face import FaceFinder
from app.faces.matting import Mask
from app.media import Image

MIN_FACE_PX = 64
SOFT_PX = 400  # of the shorter side, below which a cropped picture looks soft
__all__ = ["MAX_BYTES", "FacePicture", "PictureError", "read_picture"]


@dataclass(frozen=True, slots=True)
class FacePicture:
    """``image``: BGR, even sides. ``mesh``: float32 (468, 2), pixels. ``notice``: what the user should know.

    ``mask``: which part of it is the person, 0…255, where that is known.
    """

    image: Image
    mesh: NDArray[np.float32]
    notice: str | None
    mask: Mask | None = None


def read_picture(data: bytes, finder: FaceFinder, max_side: int, framing: Framing = AS_IT_IS) -> FacePicture:
    """Decode, scale down to ``max_side``, find the face, and frame it.

    Raises:
        PictureError: ``picture_too_large``, ``not_an_image``, ``too_many_pixels``, ``image_truncated``,
            ``no_face``, ``face_too_small``, ``crop_impossible`` or ``mask_unsure``.
    """
    photograph, notices = Photograph(data), []
    pixels = _even(photograph.whole(max_side))
    boxes = _faces(pixels.image, finder)
    if len(boxes) > 1:
        notices.append(f"{len(boxes)} faces were found; the largest one will speak.")
    if framing.crop is not None:
        pixels, softness = _cropped(photograph, _mesh(pixels.image, boxes[0], finder), framing.crop, max_side)
        boxes = _faces(pixels.image, finder)
        notices += softness
    if boxes[0].side < MIN_FACE_PX:
        raise PictureError(
            "face_too_small",
            f"The face is {boxes[0].side:.0f} pixels wide; at least {MIN_FACE_PX} are needed. "
            "Crop the picture closer to the face, or use a larger one.",
        )
    mesh = _mesh(pixels.image, boxes[0], finder)
    image, mask = pixels.image, None
    if framing.background.replaces:
        person = person_of(image, mesh, pixels.alpha)
        image, mask = composed(image, person.alpha, framing.background), person.alpha
        notices += person.notices
    elif pixels.alpha is not None and pixels.alpha.min() < 128:
        mask = pixels.alpha  # as good as any that could be found
    return FacePicture(image, mesh, " ".join(notices) or None, mask)


def _faces(image: Image, finder: FaceFinder) -> list[FaceBox]:
    boxes = finder.find(image)
    if not boxes:
        raise PictureError("no_face", "No face was found. Use a picture that shows one face from the front.")
    return boxes


def _mesh(image: Image, box: FaceBox, finder: FaceFinder) -> NDArray[np.float32]:
    mesh = finder.mesh(image, box)
    if mesh is None:
        raise PictureError("no_face", "The face is hidden or turned away. Use one that looks at the camera.")
    return mesh


def _cropped(
    photograph: Photograph, mesh: NDArray[np.float32], shape: CropShape, max_side: int
) -> tuple[Pixels, list[str]]:
    """Return the part that shows the face, from the picture's own pixels, and what the user should know of it."""
    width, height = photograph.size
    scale = max_side / max(width, height, max_side)
    box = crop_to_face(mesh / scale, width, height, shape)
    if box is None:
        raise PictureError(
            "crop_impossible",
            f"The picture has no room for a {shape} crop that holds the head. Choose another shape, or use a picture "
            "with more around the head.",
        )
    pixels = photograph.part(box, max_side)
    rows, columns = pixels.image.shape[:2]
    if min(rows, columns) < SOFT_PX:
        return pixels, [f"The crop is {columns} by {rows} pixels, so the face looks soft; a larger picture helps."]
    return pixels, []


def _even(pixels: Pixels) -> Pixels:
    """Cut to even sides, as video codecs want them."""
    height, width = pixels.image.shape[:2]
    if min(height, width) < MIN_FACE_PX:
        raise PictureError("no_face", f"The picture is {width} by {height} pixels; no face fits in it.")
    rows, columns = height - height % 2, width - width % 2
    alpha = None if pixels.alpha is None else np.ascontiguousarray(pixels.alpha[:rows, :columns])
    return Pixels(np.ascontiguousarray(pixels.image[:rows, :columns]), alpha)
