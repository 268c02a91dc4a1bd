"""How an avatar lies in the shared store: which objects it has, and how they become a folder again."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.avatars.avatar_folder import PICTURE_MOST_BYTES
from app.avatars.avatar_info import DETAILS, PICTURE, USED, AvatarInfo, info_of
from app.avatars.footage import MAX_FRAMES
from app.avatars.frames_again import write_frames
from app.avatars.mask_file import MASK
from app.avatars.mask_file import MOST_BYTES as MASK_MOST_BYTES
from app.avatars.mouth_file import MOST_BYTES as MOUTH_MOST_BYTES
from app.avatars.mouth_file import MOUTH
from app.avatars.video import MESHES, VIDEO_MAX_BYTES, VIDEO_MAX_SIDE
from app.objects.catalogue import Entry
from app.objects.faults import NoSuchObject, ObjectTooLarge
from app.objects.shelf import Shelf

VIDEO = "video"
SIDE = "side"  # of the details: the longest side that the video's frames were made for
MESHES_MOST_BYTES = 64 * 1024 * 1024


def parts_of(staged: Path, info: AvatarInfo, upload: bytes | Path) -> dict[str, Path]:
    """Return the files that are put: of a video the one that was uploaded, and the meshes that took long to find."""
    if info.frames == 1:
        masks = {MASK: staged / MASK} if (staged / MASK).is_file() else {}
        return {PICTURE: staged / PICTURE} | masks
    assert isinstance(upload, Path), "a video comes as a file"
    return {PICTURE: staged / PICTURE, MESHES: staged / MESHES, VIDEO: upload}


def details_of(entry: Entry) -> AvatarInfo:
    """Read what is known of an avatar.

    Raises:
        ValueError: when it cannot be used.
    """
    if entry.fault:
        raise ValueError(entry.fault)
    info = info_of(entry.id, dict(entry.manifest.details))
    if info.frames > 1 and (max(info.width, info.height) > VIDEO_MAX_SIDE or info.frames > MAX_FRAMES):
        raise ValueError("it is a video of a size or length that cannot be")
    return info


def disk_bytes(entry: Entry, info: AvatarInfo) -> int:
    """Return what its folder will take."""
    return entry.bytes + (info.frames * info.width * info.height * 3 if info.frames > 1 else 0)


def mouth_mark(entry: Entry) -> str:
    """Return what tells one correction of its mouth from another; empty: there is none."""
    found = entry.objects.get(MOUTH)
    return found.mark if found is not None else ""


def fetch_avatar(shelf: Shelf, entry: Entry, info: AvatarInfo, staged: Path) -> None:
    """Make a folder of an avatar's objects.

    Raises:
        NoSuchObject: when one is gone.
        ValueError: when one is not what it should be.
        StoreAway: when they cannot be read.
        OSError: when the folder cannot be written.
    """
    (staged / DETAILS).write_text(json.dumps(dict(entry.manifest.details)))
    (staged / USED).touch()
    shelf.fetch(entry, PICTURE, staged / PICTURE, PICTURE_MOST_BYTES)
    if MASK in entry.manifest.parts:
        shelf.fetch(entry, MASK, staged / MASK, MASK_MOST_BYTES)
    if info.frames > 1:
        shelf.fetch(entry, MESHES, staged / MESHES, MESHES_MOST_BYTES)
        shelf.fetch(entry, VIDEO, staged / VIDEO, VIDEO_MAX_BYTES)
        write_frames(staged / VIDEO, staged, info, _side(entry.manifest.details.get(SIDE)))
        (staged / VIDEO).unlink()
    fetch_mouth(shelf, entry, staged, staged)


def fetch_mouth(shelf: Shelf, entry: Entry, folder: Path, staged: Path) -> None:
    """Bring the corrected mouth of an avatar's folder up to date; ``staged`` is a folder to write it in first.

    Raises:
        StoreAway: when it cannot be read.
        OSError: when it cannot be written.
    """
    data = None
    if mouth_mark(entry):
        with suppress(NoSuchObject, ObjectTooLarge):  # taken back meanwhile; or no mouth, so it is as found
            data = shelf.read(entry, MOUTH, MOUTH_MOST_BYTES)
    if data is None:
        (folder / MOUTH).unlink(missing_ok=True)
    else:
        (staged / f"{MOUTH}.part").write_bytes(data)
        os.replace(staged / f"{MOUTH}.part", folder / MOUTH)


def _side(stored: Any) -> int:
    if type(stored) is not int or not 2 <= stored <= VIDEO_MAX_SIDE:
        raise ValueError("its video's size is not known")
    return stored
