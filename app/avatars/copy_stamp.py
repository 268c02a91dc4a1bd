"""Of which avatar of the shared store a local folder is the copy."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from app.disk import read_plain

STAMP = "shared.json"
MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class CopyStamp:
    """``generation``: of the set that it was fetched from, or put as. ``mouth``: the mark of the corrected mouth that
    was fetched with it; empty where there was none.
    """

    generation: str
    mouth: str = ""


KNOWN = TypeAdapter(CopyStamp)


def read_stamp(folder: Path) -> CopyStamp | None:
    """Return a folder's stamp; None where it has none, and so is no copy."""
    try:
        return KNOWN.validate_json(read_plain(folder / STAMP, MOST_BYTES), strict=True)
    except (OSError, ValueError):
        return None


def write_stamp(folder: Path, staged: Path, stamp: CopyStamp) -> None:
    """Write it by way of a draft, which may be the folder itself.

    Raises:
        OSError: when it cannot be written.
    """
    draft = staged / f"{STAMP}.part"
    draft.write_text(json.dumps(asdict(stamp)))
    draft.replace(folder / STAMP)
