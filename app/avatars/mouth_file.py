"""A corrected mouth on disk: beside the mesh as it was found, which stays what it is."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from app.avatars.avatar import Avatar
from app.avatars.mouth import MouthError, Points, check_mouth, mouth_as_json, parse_mouth
from app.disk import read_plain

logger = logging.getLogger(__name__)

MOUTH = "mouth.json"
MOST_BYTES = 64 * 1024  # seven points take 400


def read_mouth(folder: Path, avatar: Avatar) -> Points | None:
    """Return what is kept in an avatar's folder, or None; ``avatar`` is the avatar as it was found."""
    try:
        mouth = parse_mouth(json.loads(read_plain(folder / MOUTH, MOST_BYTES)))
        check_mouth(mouth, avatar.mesh, avatar.width, avatar.height)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, MouthError) as error:
        logger.warning("avatars: the corrected mouth of %s cannot be used, it is as found: %s", avatar.id, error)
        return None
    return mouth


def write_mouth(folder: Path, staged: Path, mouth: Points) -> None:
    """Write a mouth into a draft, then rename it over the one that is kept.

    Raises:
        FileNotFoundError: when the avatar is gone.
        OSError: when it cannot be written.
    """
    (staged / MOUTH).write_text(json.dumps(mouth_as_json(mouth)))
    os.replace(staged / MOUTH, folder / MOUTH)


def remove_mouth(folder: Path) -> None:
    """Go back to the mouth that was found; safe to call again."""
    (folder / MOUTH).unlink(missing_ok=True)
