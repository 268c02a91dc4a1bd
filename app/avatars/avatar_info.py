"""What is known of an avatar, in the file beside its picture."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.avatars.video import FRAMES

logger = logging.getLogger(__name__)

DETAILS = "avatar.json"
_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class AvatarInfo:
    """What is known of an avatar without opening its picture. ``frames``: over 1 for a video.

    ``owner``: the id of the key that made it, empty where there was none.
    """

    id: str
    name: str
    width: int
    height: int
    notice: str | None = None
    frames: int = 1
    owner: str = ""


def is_id(name: str) -> bool:
    """Tell whether an avatar can have that id; a folder's name is its avatar's."""
    return _ID.fullmatch(name) is not None


def read_info(folder: Path) -> AvatarInfo | None:
    """Read an avatar's details from its folder; None where there are none, or they are damaged."""
    if not is_id(folder.name):
        return None
    try:
        stored = json.loads((folder / DETAILS).read_text())
        width, height, frames = stored["width"], stored["height"], stored.get("frames", 1)
        if frames > 1 and (folder / FRAMES).stat().st_size != frames * height * width * 3:
            raise ValueError(f"{FRAMES} has not the size that it should have")
        owner = stored.get("owner", "")
        if not isinstance(owner, str):
            raise TypeError("its owner is no text")
        return AvatarInfo(folder.name, stored["name"], width, height, stored["notice"], frames, owner)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("avatars: %s cannot be read and is left out: %s", folder.name, error)
        return None


def write_info(folder: Path, info: AvatarInfo, more: dict[str, Any]) -> None:
    """Write what is known of an avatar into its folder, with ``more`` beside it."""
    known = asdict(info)
    del known["id"]  # the folder's name
    (folder / DETAILS).write_text(json.dumps(known | more))


def kept_at(folder: Path) -> int:
    """Return when an avatar was kept, in ns: a folder's own time changes with what is kept in it later."""
    try:
        return (folder / DETAILS).stat().st_mtime_ns
    except OSError:  # gone, or damaged; it is left out then
        return 0
