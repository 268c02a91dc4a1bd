"""What an upload asks for beside its file: how the picture is framed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from app.avatars.background import Background
from app.avatars.framing import Framing, framing_of
from app.avatars.picture import PictureError
from app.avatars.share import Share

PICTURE: Literal["picture"] = "picture"  # the background that comes in the form


@dataclass(frozen=True, slots=True)
class Adding:
    """Whose an upload's avatar will be, and how it is framed."""

    share: Share
    framing: Framing


def wanted_framing(crop: str, background: str) -> Framing:
    """Read the words of a query.

    Raises:
        PictureError: ``bad_crop`` or ``bad_background``.
    """
    if background == PICTURE:
        return replace(framing_of(crop, "keep"), background=Background(PICTURE))
    return framing_of(crop, background)


def with_picture(framing: Framing, behind: bytes) -> Framing:
    """Put in the picture that came in the form.

    Raises:
        PictureError: ``bad_background``, where there is none, or another background was asked for.
    """
    if (framing.background.kind == PICTURE) != bool(behind):
        raise PictureError(
            "bad_background", 'For another picture as background send background=picture and its file in "background".'
        )
    return replace(framing, background=Background(PICTURE, picture=behind)) if behind else framing
