"""The faces that are always there: the default one, and the cast."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from app.assets import CAST, CAST_IDS, DEFAULT_PICTURE
from app.avatars.avatar import Avatar
from app.avatars.avatar_folder import decode_image
from app.avatars.avatar_info import AvatarInfo
from app.avatars.picture import read_picture
from app.faces.face import FaceFinder
from app.faces.known_face import known_face

DEFAULT_ID = "default"
BUNDLED_IDS = (DEFAULT_ID, *CAST_IDS)


def is_bundled(id: str) -> bool:
    """Tell whether an avatar comes with Lipwire: it is everybody's, and stays as it is."""
    return id in BUNDLED_IDS


def bundled_picture(id: str) -> Path:
    """Return where a bundled avatar's picture lies."""
    return DEFAULT_PICTURE if id == DEFAULT_ID else CAST / f"{id}.jpg"


@cache
def bundled_info(id: str) -> AvatarInfo:
    """Return a bundled avatar's details."""
    height, width = decode_image(bundled_picture(id).read_bytes()).shape[:2]
    return AvatarInfo(id, _name(id), width, height)


def bundled_avatar(id: str, finder: FaceFinder, max_side: int) -> Avatar:
    """Read a bundled avatar with its mesh, which is known unless it must be made smaller."""
    data = bundled_picture(id).read_bytes()
    image = decode_image(data)
    known = known_face(image) if max(image.shape) <= max_side else None
    if known is not None:
        return Avatar(id, _name(id), image, known.mesh)
    found = read_picture(data, finder, max_side)
    return Avatar(id, _name(id), found.image, found.mesh)


def _name(id: str) -> str:
    return id.capitalize()
