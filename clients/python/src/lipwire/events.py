"""What happens in a session, as values: what ``async for event in face`` yields."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

__all__ = [
    "Disconnected",
    "Draining",
    "Event",
    "Interrupted",
    "MarkReached",
    "Moved",
    "Reconnected",
    "SayFailed",
    "SpeakingFinished",
    "SpeakingStarted",
    "Stats",
    "Viewers",
    "event_of",
]


@dataclass(frozen=True)
class SpeakingStarted:
    """The first sound of an utterance leaves for the viewers; one without sound has none."""

    utterance: str
    played_ms: int = 0


@dataclass(frozen=True)
class SpeakingFinished:
    """An utterance has played, or was cut: once for each. ``played_ms``: how much of it was played."""

    utterance: str
    played_ms: int
    interrupted: bool


@dataclass(frozen=True)
class Interrupted:
    """All that had not played was dropped; comes behind the :class:`SpeakingFinished` of everything it cut.

    ``utterance``: which one was being played, if any, and ``played_ms`` how much of it. ``session_played_ms``: how much
    sound the session has played altogether. ``answers``: how many interrupts it answers, where several came together.
    """

    utterance: str | None
    played_ms: int
    session_played_ms: int
    answers: int = 1


@dataclass(frozen=True)
class SayFailed:
    """A text could not be spoken, or not all of it; its utterance ends with what could."""

    utterance: str
    code: str
    message: str


@dataclass(frozen=True)
class MarkReached:
    """Everything sent before this mark has played."""

    id: str


@dataclass(frozen=True)
class Viewers:
    """So many watch now."""

    count: int


@dataclass(frozen=True)
class Stats:
    """Depths now, and counts since the session's start; once a second. A figure the server does not send is 0."""

    fps: float = 0.0
    played_ms: int = 0
    delay_ms: int | None = None
    slots: int = 0
    pending: int = 0
    buffer_a: int = 0
    buffer_a_limit: int = 0
    buffer_b: int = 0
    holds: int = 0
    underruns: int = 0
    gaps: int = 0
    drops: int = 0
    missed: int = 0
    unsent: int = 0
    repeats: int = 0
    rest_repeats: int = 0
    rest_late: int = 0


@dataclass(frozen=True)
class Draining:
    """The server is being stopped, and ends the session in ``in_s`` seconds at the latest: begin nothing long.

    Told again after each reconnection. At the end the face fails with :class:`lipwire.SessionEnded`, whose ``code`` is
    ``server_draining``; another session can be made at another server, or once this one is back.
    """

    in_s: float


@dataclass(frozen=True)
class Disconnected:
    """The connection was lost, and is being made again: nothing that was sent is lost yet."""

    reason: str


@dataclass(frozen=True)
class Reconnected:
    """The connection is back, ``lost_ms`` after it was lost; what was sent meanwhile goes on."""

    lost_ms: int


@dataclass(frozen=True)
class Moved:
    """The session lives on another machine from now on, under another reference; whoever watched is led there.

    ``session``: what it is called now (:attr:`lipwire.Face.id`); what stands before the dot stays. Where its machine
    had died this comes between :class:`Disconnected` and :class:`Reconnected`, else alone.
    """

    session: str


Event = (
    SpeakingStarted
    | SpeakingFinished
    | SayFailed
    | Interrupted
    | MarkReached
    | Viewers
    | Stats
    | Draining
    | Disconnected
    | Moved
    | Reconnected
)
_STATS = frozenset(field.name for field in fields(Stats))


def event_of(message: dict[str, Any]) -> Event | None:
    """Read one of the server's messages; None for a type that this version does not know."""
    kind = message.get("type")
    if kind == "speaking":
        utterance, played_ms = str(message.get("utterance") or ""), int(message["played_ms"])
        if message["state"] == "started":
            return SpeakingStarted(utterance, played_ms)
        return SpeakingFinished(utterance, played_ms, bool(message.get("interrupted", False)))
    if kind == "interrupted":
        played_ms = int(message["played_ms"])
        session_ms, answers = int(message.get("session_played_ms", played_ms)), int(message.get("answers", 1))
        return Interrupted(message.get("utterance"), played_ms, session_ms, answers)
    if kind == "say_failed":
        return SayFailed(str(message["utterance"]), str(message["code"]), str(message["message"]))
    if kind == "mark":
        return MarkReached(str(message["id"]))
    if kind == "viewers":
        return Viewers(int(message["count"]))
    if kind == "stats":
        return Stats(**{name: value for name, value in message.items() if name in _STATS})
    if kind == "draining":
        return Draining(float(message["in_s"]))
    return None
