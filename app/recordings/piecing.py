"""Two recordings of one session, of nodes that it was on, as one: what is known of it, and its file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from app.recordings.recording_info import RecordingInfo

Found = tuple[RecordingInfo, Path]
Join = Callable[[Sequence[tuple[Path, int]], Path], int]  # files, and where each begins; where to → milliseconds


def longest_only(pieces: Sequence[tuple[Path, int]], to: Path) -> int:
    """Join nothing."""
    raise ValueError("nothing joins them here")


def piece_together(here: Found, there: Found, join: Join, to: Path) -> RecordingInfo:
    """Write both as one; returns what is known of that: the earlier one's, and faults of either.

    Raises:
        ValueError: when they cannot be one.
        OSError: when the disk takes no more.
    """
    (first, first_path), (second, second_path) = sorted((here, there), key=lambda each: each[0].created)
    apart = datetime.fromisoformat(second.created) - datetime.fromisoformat(first.created)
    duration_ms = join([(first_path, 0), (second_path, round(apart.total_seconds() * 1000))], to)
    return replace(
        first,
        state="failed" if "failed" in (first.state, second.state) else "done",
        bytes=os.stat(to).st_size,
        duration_ms=duration_ms,
        error=first.error or second.error,
        joined=tuple(sorted(first.pieces | second.pieces)),
    )
