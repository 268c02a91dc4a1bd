"""What is known of an avatar, in the file beside its picture."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.avatars.damage import AvatarDamaged
from app.avatars.video import FRAMES, MESHES
from app.disk import open_plain, read_plain
from app.faces.mesh import MESH_POINTS

DETAILS = "avatar.json"
PICTURE = "picture.png"
USED = "used"  # an empty file: its time is that of the last use
DETAILS_MOST_BYTES = 256 * 1024  # a mesh takes 10 KB
SIDE_MOST = 8192  # pixels
FRAMES_MOST = 4096
NAME_MOST = NOTICE_MOST = 1000  # characters
HEADER_BYTES = 24  # of a PNG, up to its height
PNG_BEGIN, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
MESH_HEADER_MOST_BYTES = 1024  # of a .npy file
MESH_FRAME_BYTES = MESH_POINTS * 2 * 4
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
    """Read an avatar's details from its folder, and see that its files are there and whole; None: there is no folder.

    Raises:
        AvatarDamaged: when it cannot be used.
    """
    found = place_of(folder) if is_id(folder.name) else None
    if found is None:
        return None
    try:
        info = info_of(folder.name, read_details(folder))
        _check_picture(folder / PICTURE, info)
        if info.frames > 1:
            _check_video(folder, info)
    except (OSError, ValueError, RecursionError) as error:
        if place_of(folder) != found:
            return read_info(folder)  # deleted meanwhile, and perhaps uploaded again
        raise AvatarDamaged(folder.name, f"{type(error).__name__}: {error}") from error
    return info


def place_of(folder: Path) -> int | None:
    """Return what tells a folder from another one of the same name: its number on the disk; None: there is none."""
    try:
        return folder.lstat().st_ino
    except OSError:
        return None


def read_details(folder: Path) -> dict[str, Any]:
    """Read what was written beside an avatar's picture.

    Raises:
        OSError, ValueError, RecursionError: when it is not there, or is something else.
    """
    stored = json.loads(read_plain(folder / DETAILS, DETAILS_MOST_BYTES))
    if not isinstance(stored, dict):
        raise ValueError(f"{DETAILS} holds no object")
    return stored


def write_info(folder: Path, info: AvatarInfo, more: dict[str, Any]) -> None:
    """Write what is known of an avatar into its folder, with ``more`` beside it."""
    known = asdict(info)
    del known["id"]  # the folder's name
    (folder / DETAILS).write_text(json.dumps(known | more))
    (folder / USED).touch()


def kept_at(folder: Path) -> int:
    """Return when an avatar was kept, in ns: a folder's own time changes with what is kept in it later."""
    return _changed_at(folder / DETAILS)


def used_at(folder: Path) -> int:
    """Return when an avatar was last used, in ns; of one that is damaged, when anything about it changed."""
    return max(kept_at(folder), _changed_at(folder / USED)) or _changed_at(folder)


def note_use(folder: Path) -> None:
    """Note that an avatar is used now.

    Raises:
        OSError: when that cannot be noted.
    """
    try:
        os.utime(folder / USED, follow_symlinks=False)
    except FileNotFoundError:
        (folder / USED).touch()  # kept before uses were noted


def _changed_at(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:  # gone, or damaged; it is left out then
        return 0


def info_of(id: str, stored: dict[str, Any]) -> AvatarInfo:
    """Read an avatar's details out of what anybody may have written.

    Raises:
        ValueError: when they cannot be.
    """
    width, height, frames = (stored.get(name, 1) for name in ("width", "height", "frames"))
    for value, least, most in ((width, 2, SIDE_MOST), (height, 2, SIDE_MOST), (frames, 1, FRAMES_MOST)):
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{DETAILS} holds no size, or one that cannot be")
    name, notice = stored.get("name"), stored.get("notice")
    if not isinstance(name, str) or len(name) > NAME_MOST:
        raise ValueError(f"{DETAILS} holds no name")
    if notice is not None and (not isinstance(notice, str) or len(notice) > NOTICE_MOST):
        raise ValueError(f"{DETAILS} holds a notice that is no text")
    owner = stored.get("owner", "")
    if not isinstance(owner, str) or len(owner) > NAME_MOST:
        raise ValueError(f"{DETAILS} holds an owner that is no text")
    # what cannot be said in UTF-8 would break every list that it stands in
    return AvatarInfo(id, _sayable(name), width, height, None if notice is None else _sayable(notice), frames, owner)


def _sayable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _check_picture(path: Path, info: AvatarInfo) -> None:
    """See that a PNG has the size that it should have, and its end."""
    with open_plain(path) as file:
        header = file.read(HEADER_BYTES)
        if not header.startswith(PNG_BEGIN):
            raise ValueError(f"{PICTURE} is no PNG")
        size = int.from_bytes(header[16:20]), int.from_bytes(header[20:24])
        if size != (info.width, info.height):
            raise ValueError(f"{PICTURE} has not the size that it should have")
        file.seek(max(0, os.fstat(file.fileno()).st_size - len(PNG_END)))
        if file.read() != PNG_END:
            raise ValueError(f"{PICTURE} is cut short")


def _check_video(folder: Path, info: AvatarInfo) -> None:
    if _length(folder / FRAMES) != info.frames * info.height * info.width * 3:
        raise ValueError(f"{FRAMES} has not the size that it should have")
    header_bytes = _length(folder / MESHES) - info.frames * MESH_FRAME_BYTES
    if not 0 < header_bytes <= MESH_HEADER_MOST_BYTES:
        raise ValueError(f"{MESHES} has not the size that it should have")


def _length(path: Path) -> int:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path.name} is no plain file")
    return found.st_size
