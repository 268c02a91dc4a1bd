"""How an uploaded picture is to be framed: cropped to its face, and with which background."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from app.avatars.background import KEEP, Background, background_of
from app.avatars.photograph import PictureError
from app.faces.crop import CROP_SHAPES, CropShape

KEEP_ALL = "keep"


@dataclass(frozen=True, slots=True)
class Framing:
    """``crop``: None keeps all of the picture."""

    crop: CropShape | None = None
    background: Background = KEEP

    @property
    def changes(self) -> bool:
        """Whether the picture becomes another one."""
        return self.crop is not None or self.background.replaces

    @property
    def mark(self) -> bytes:
        """What tells one framing of a file from another; empty where nothing changes."""
        if not self.changes:
            return b""
        return b"%s:%s:" % ((self.crop or "").encode(), hashlib.sha256(self.background.mark).hexdigest().encode())


AS_IT_IS = Framing()


def framing_of(crop: str, background: str) -> Framing:
    """Read it from words: ``crop`` is keep, portrait, square or landscape; see :func:`background_of`.

    Raises:
        PictureError: ``bad_crop`` or ``bad_background``.
    """
    return Framing(crop_of(crop), background_of(background))


def crop_of(text: str) -> CropShape | None:
    """Read a shape; None: ``keep``.

    Raises:
        PictureError: ``bad_crop``.
    """
    if text == KEEP_ALL:
        return None
    for shape in CROP_SHAPES:
        if text == shape:
            return shape
    raise PictureError("bad_crop", f"A crop is {KEEP_ALL}, {', '.join(CROP_SHAPES[:-1])} or {CROP_SHAPES[-1]}.")


def not_of_videos() -> PictureError:
    """Make the refusal of who would frame a video."""
    return PictureError("framing_of_video", "Only pictures can be cropped or get another background, not videos.")
