"""An avatar as it is kept → the same with another background."""

from __future__ import annotations

from dataclasses import replace

from app.avatars.avatar import Avatar
from app.avatars.background import Background, composed
from app.avatars.framing import not_of_videos
from app.avatars.person_of import person_of


def with_background(avatar: Avatar, background: Background) -> tuple[Avatar, list[str]]:
    """Return it with a background, and what the user should know of that. Takes a second where its mask is not known.

    Raises:
        PictureError: ``framing_of_video``, ``mask_unsure``, or as a background's picture is refused.
    """
    if not background.replaces:
        return avatar, []
    if avatar.video is not None:
        raise not_of_videos()
    alpha, notices = avatar.mask, []
    if alpha is None:
        person = person_of(avatar.image, avatar.mesh)
        alpha, notices = person.alpha, person.notices
    image = composed(avatar.image, alpha, background)
    return replace(avatar, image=image, mask=alpha, transparent=background.kind == "transparent"), notices
