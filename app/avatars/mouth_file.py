"""A corrected mouth on disk: beside the mesh as it was found, which stays what it is."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from app.avatars.mouth import MouthError, Points, check_mouth, mouth_as_json, parse_mouth
from app.inference.engine import Portrait

logger = logging.getLogger(__name__)

MOUTH = "mouth.json"


def read_mouth(folder: Path, portrait: Portrait) -> Points | None:
    """Return what is kept in an avatar's folder, or None; ``portrait`` is the avatar as it was found."""
    try:
        mouth = parse_mouth(json.loads((folder / MOUTH).read_bytes()))
        check_mouth(mouth, portrait.mesh, portrait.width, portrait.height)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, MouthError) as error:
        logger.warning("avatars: the corrected mouth of %s cannot be used, it is as found: %s", portrait.id, error)
        return None
    return mouth


def write_mouth(folder: Path, draft: Path, mouth: Points) -> None:
    """Keep a mouth in place of one that is there; it is written in a draft and then renamed.

    Raises:
        FileNotFoundError: when the avatar is gone.
        OSError: when it cannot be written.
    """
    (draft / MOUTH).write_text(json.dumps(mouth_as_json(mouth)))
    os.replace(draft / MOUTH, folder / MOUTH)


def remove_mouth(folder: Path) -> None:
    """Go back to what was found; again is fine."""
    (folder / MOUTH).unlink(missing_ok=True)
