"""One avatar's folder: written whole, read back."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from app.avatars.avatar import Avatar
from app.avatars.avatar_info import DETAILS, AvatarInfo, read_info, write_info
from app.avatars.video import load_loop
from app.errors import Refusal
from app.media import Image

PICTURE = "picture.png"


def read_avatar(folder: Path, info: AvatarInfo) -> Avatar:
    """Read an avatar as it was found, without a correction of its mouth.

    Raises:
        OSError, ValueError: when it is not there, or not whole.
    """
    if info.frames > 1:
        video = load_loop(folder, info.frames, info.width, info.height)
        return Avatar(info.id, info.name, np.array(video.frames[0]), video.meshes[0], video)
    stored = json.loads((folder / DETAILS).read_text())
    return Avatar(info.id, info.name, read_image(folder / PICTURE), np.array(stored["mesh"], np.float32))


def keep_avatar(
    staged: Path, folder: Path, info: AvatarInfo, image: Image, more: dict[str, Any], room_bytes: int | None = None
) -> None:
    """Finish a staged folder, then rename it: a crash leaves no half of an avatar.

    Raises:
        Refusal: ``quota_bytes``, when it takes more than there is room for.
    """
    (staged / PICTURE).write_bytes(cv2.imencode(".png", image)[1].tobytes())
    write_info(staged, info, more)
    if room_bytes is not None and folder_bytes(staged) > room_bytes:
        raise over_bytes()
    staged.chmod(0o755)
    if read_info(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)  # one that cannot be read
    try:
        os.replace(staged, folder)
    except OSError:
        if read_info(folder) is None:  # otherwise the same file was uploaded twice at once
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


def read_image(path: Path) -> Image:
    """Read a picture, BGR.

    Raises:
        OSError: when it is none.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise OSError(f"{path} is not a picture")
    return np.asarray(image, np.uint8)
