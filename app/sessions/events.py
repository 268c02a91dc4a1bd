"""What happens in a session, as values; the doors say it in their own words."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import Refusal


@dataclass(frozen=True, slots=True)
class Speaking:
    """An utterance begins to be heard, or has ended. ``played_ms``: of it. ``interrupted``: it was cut."""

    begins: bool
    utterance: str
    played_ms: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Interrupted:
    """All that had not played was dropped.

    ``utterance``: the one that was played, or was to be next; None where nothing waited. ``played_ms``: of it.
    ``answers``: how many interrupts, which came together.
    """

    utterance: str | None
    played_ms: int
    session_played_ms: int
    answers: int = 1


@dataclass(frozen=True, slots=True)
class SayFailed:
    """A text could not be spoken, or not all of it; its utterance ends with what could."""

    utterance: str
    why: Refusal


@dataclass(frozen=True, slots=True)
class Marked:
    """Everything sent before a mark has been played."""

    id: str


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
class Draining:
    """The server is being stopped, and ends this session in so many seconds at the latest."""

    in_s: float


@dataclass(frozen=True, slots=True)
class Moving:
    """There is room for this session elsewhere, and it ends here in so many seconds at the latest.

    ``ref``, ``url``: what it is called there, and where it is fed, once it has been made there; else its owner starts
    another.
    """

    in_s: float
    ref: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The session is over; ``why`` can be told to a user. Nothing follows."""

    why: Refusal


SessionEvent = Speaking | Interrupted | SayFailed | Marked | ViewersChanged | Stats | Draining | Moving | Failed


@dataclass(frozen=True, slots=True)
class Told:
    """An event as a listener gets it. ``seq`` counts a session's events from 1; None: stats, draining and moving,
    which are not counted."""

    seq: int | None
    event: SessionEvent
