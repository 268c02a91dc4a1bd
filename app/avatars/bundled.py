"""The avatar that is always there."""

from __future__ import annotations

from app.assets import DEFAULT_PICTURE
from app.avatars.avatar import Avatar
from app.avatars.avatar_folder import decode_image
from app.avatars.avatar_info import AvatarInfo
from app.avatars.picture import read_picture
from app.faces.face import FaceFinder
from app.faces.known_face import known_face

DEFAULT_ID = "default"


def bundled_info() -> AvatarInfo:
    """Return its details."""
    height, width = decode_image(DEFAULT_PICTURE.read_bytes()).shape[:2]
    return AvatarInfo(DEFAULT_ID, "Default", width, height)


def bundled_avatar(finder: FaceFinder, max_side: int) -> Avatar:
    """Read it with its mesh, which is known unless it must be made smaller."""
    image = decode_image(DEFAULT_PICTURE.read_bytes())
    known = known_face(image) if max(image.shape) <= max_side else None
    if known is not None:
        return Avatar(DEFAULT_ID, "Default", image, known.mesh)
    found = read_picture(DEFAULT_PICTURE.read_bytes(), finder, max_side)
    return Avatar(DEFAULT_ID, "Default", found.image, found.mesh)
