"""One avatar's folder: written whole, read back."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.avatars.avatar import Avatar
from app.avatars.avatar_info import PICTURE, AvatarInfo, read_details, read_info, write_info
from app.avatars.damage import AvatarDamaged
from app.avatars.mask_file import read_mask, write_mask
from app.avatars.video import load_loop
from app.disk import read_plain
from app.errors import Refusal
from app.faces.mesh import MESH_POINTS
from app.media import Image

PICTURE_MOST_BYTES = 256 * 1024 * 1024


def read_avatar(folder: Path, info: AvatarInfo) -> Avatar:
    """Read an avatar as it was found, without a correction of its mouth.

    Raises:
        OSError, ValueError, RecursionError: when it is not there, or not whole.
    """
    if info.frames > 1:
        video = load_loop(folder, info.frames, info.width, info.height)
        return Avatar(info.id, info.name, np.array(video.frames[0]), video.meshes[0], video)
    image = decode_image(read_plain(folder / PICTURE, PICTURE_MOST_BYTES))
    if image.shape != (info.height, info.width, 3):
        raise ValueError(f"{PICTURE} has not the size that it should have")
    return Avatar(info.id, info.name, image, _mesh(read_details(folder).get("mesh")), mask=read_mask(folder, info))


def write_avatar(
    staged: Path, info: AvatarInfo, image: Image, more: dict[str, Any], mask: NDArray[np.uint8] | None = None
) -> None:
    """Finish a staged folder. ``mask``: 255 where the person is, where that is known."""
    if mask is not None:
        write_mask(staged, mask)
    (staged / PICTURE).write_bytes(cv2.imencode(".png", image)[1].tobytes())
    write_info(staged, info, more)


def place_avatar(staged: Path, folder: Path) -> None:
    """Rename a finished folder: a crash leaves no half of an avatar."""
    staged.chmod(0o755)
    if os.path.lexists(folder) and not is_whole(folder):
        remove(folder)
    try:
        os.replace(staged, folder)
    except OSError:
        if not is_whole(folder):  # otherwise the same file was uploaded twice at once
            raise


def folder_bytes(folder: Path) -> int:
    """Add up the files of an avatar; 0 where it is gone."""
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:
        return 0


def over_bytes() -> Refusal:
    """Make the refusal of who keeps as many bytes as they may."""
    return Refusal("quota_bytes", "This key has no room left for this; delete some avatars or recordings first.")


def is_whole(folder: Path) -> bool:
    """Tell whether an avatar is there and can be used."""
    try:
        return read_info(folder) is not None
    except AvatarDamaged:
        return False


def remove(path: Path) -> None:
    """Remove what stands in an avatar's place, whatever that is; nothing that a link leads to is touched."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError, IsADirectoryError, PermissionError):  # another upload was faster
            path.unlink()


def decode_image(data: bytes) -> Image:
    """Make a picture of a file's bytes, BGR.

    Raises:
        ValueError: when it is none.
    """
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # nothing at all
        image = None
    if image is None:
        raise ValueError("it is not a picture")
    return np.asarray(image, np.uint8)


def _mesh(stored: Any) -> NDArray[np.float32]:
    try:
        mesh = np.array(stored, np.float32)
    except TypeError as error:
        raise ValueError("the mesh is none") from error
    if mesh.shape != (MESH_POINTS, 2) or not np.isfinite(mesh).all():
        raise ValueError("the mesh is none")
    return mesh
