"""Two recordings of one session, of nodes that it was on, as one: what is known of it, and its file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from app.media import SLOT_MS
from app.recordings.recording_info import RecordingInfo

Found = tuple[RecordingInfo, Path]
MS = timedelta(milliseconds=1)
SLACK_MS = 1000  # by which a file may be longer or shorter than what its pieces' names say, and be made of them


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a recording: when it was begun, and where it lies in the file; it ends with that where None."""

    created: datetime
    from_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Section:
    """What a file has ``from_ms`` and before ``until_ms`` (None: to its end), and where that begins in another."""

    path: Path
    begins_ms: int
    from_ms: int = 0
    until_ms: int | None = None


Join = Callable[[Sequence[Section], Path], int]  # in their order; where to → milliseconds


def longest_only(sections: Sequence[Section], to: Path) -> int:
    """Join nothing."""
    raise ValueError("nothing joins them here")


def piece_together(here: Found, there: Found, join: Join, to: Path) -> RecordingInfo:
    """Write both as one, each piece that they were made of at its time; returns what is known of that: the earlier
    one's, and faults of either.

    Raises:
        ValueError: when they cannot be one.
        OSError: when the disk takes no more.
    """
    (first, first_path), (second, second_path) = sorted((here, there), key=lambda each: each[0].created)
    epoch = datetime.fromisoformat(first.created)
    found = [(span, path) for info, path in ((first, first_path), (second, second_path)) for span in spans(info)]
    sections = [
        Section(path, round((span.created - epoch) / MS), span.from_ms, span.until_ms)
        for span, path in sorted(found, key=lambda each: each[0].created)
    ]
    return replace(
        first,
        state="failed" if "failed" in (first.state, second.state) else "done",
        duration_ms=join(sections, to),
        bytes=os.stat(to).st_size,
        error=first.error or second.error,
        joined=tuple(sorted(first.pieces | second.pieces)),
    )


def spans(info: RecordingInfo) -> list[Span]:
    """Return where the pieces of a recording lie in it, in their order; all of it, where that cannot be told.

    What nobody recorded between two is in none.
    """
    whole = [Span(datetime.fromisoformat(info.created), 0, None)]
    try:
        pieces = sorted(_parse(name) for name in info.pieces)
    except ValueError:
        return whole
    found: list[Span] = []
    end_ms = 0
    for created, duration_ms in pieces:
        begins_ms = -(-max(round((created - pieces[0][0]) / MS), end_ms) // SLOT_MS) * SLOT_MS
        end_ms = begins_ms + duration_ms
        found.append(Span(created, begins_ms, end_ms))
    if abs(end_ms - info.duration_ms) > SLACK_MS:  # they follow each other otherwise, or one of them is all there is
        return whole
    return [*found[:-1], replace(found[-1], until_ms=None)]


def _parse(name: str) -> tuple[datetime, int]:
    """Return when a piece began, and how long it is, by its name (:attr:`RecordingInfo.pieces`)."""
    created, duration_ms, _ = name.split(" ", 2)
    return datetime.fromisoformat(created), int(duration_ms)
