"""What happens in a session, as values; the doors say it in their own words."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import Refusal


@dataclass(frozen=True, slots=True)
class Speaking:
    """An utterance begins to play, or has played. ``played_ms``: of the session's sound so far."""

    begins: bool
    played_ms: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """All that had not played was dropped. ``played_ms``: of the session's sound so far."""

    played_ms: int


@dataclass(frozen=True, slots=True)
class ViewersChanged:
    """So many watch now."""

    count: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Depths now, and counts since the session's start.

    ``fps``: pictures sent in the last second. ``delay_ms``: from a sample's arrival to its playing, median of the last
    second; None where nothing played, and for a clip. ``pending``: windows before the model. Buffers are in frames or
    slots. The counts are explained in ``docs/protocol.md``.
    """

    fps: float
    slots: int
    played_ms: int
    delay_ms: int | None
    pending: int
    buffer_a: int
    buffer_a_limit: int
    buffer_b: int
    holds: int
    underruns: int
    gaps: int
    drops: int
    missed: int
    unsent: int
    repeats: int
    rest_repeats: int
    rest_late: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The session is over; ``why`` can be told to a user. Nothing follows."""

    why: Refusal


SessionEvent = Speaking | Interrupted | ViewersChanged | Stats | Failed
