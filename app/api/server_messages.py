"""What the server says on the socket: a session's events and answers in the protocol's words.

``docs/protocol.md`` lists the same for people; ``/openapi.json`` holds the schema.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.api.ice_servers import IceServerModel
from app.media import VIDEO_FPS
from app.pacer.schedule import Mode
from app.sessions.events import (
    Draining,
    Failed,
    Interrupted,
    Marked,
    Moving,
    SayFailed,
    Speaking,
    Stats,
    Told,
    ViewersChanged,
)
from app.sessions.session import Session


class StartedMessage(BaseModel):
    """Answers ``start`` and ``attach``.

    ``played_ms``: of the session so far. ``utterance`` and ``received_bytes``: the latest, and how much of its sound
    was read. ``viewers``: how many watch. ``last_event``: the newest event's ``seq``.
    """

    type: Literal["started"] = "started"
    session: str
    engine: str
    avatar: str
    mode: Mode
    fps: int
    width: int
    height: int
    voice_lead_ms: int
    ice_servers: list[IceServerModel]
    played_ms: int
    utterance: str | None
    received_bytes: int
    viewers: int
    last_event: int


class AnswerMessage(BaseModel):
    """Answers ``offer``."""

    type: Literal["answer"] = "answer"
    sdp: str


class SpeakingMessage(BaseModel):
    """An utterance begins to be heard, or has ended. ``played_ms``: of it. ``interrupted``: it was cut."""

    type: Literal["speaking"] = "speaking"
    seq: int
    state: Literal["started", "finished"]
    utterance: str
    played_ms: int
    interrupted: bool


class InterruptedMessage(BaseModel):
    """Answers ``interrupt``: ``answers`` of them, where several came together.

    ``utterance``: the one that was cut first, ``played_ms``: of it.
    """

    type: Literal["interrupted"] = "interrupted"
    seq: int
    utterance: str | None
    played_ms: int
    session_played_ms: int
    answers: int = 1


class SayFailedMessage(BaseModel):
    """A ``say`` could not be spoken, or not all of it. The socket stays."""

    type: Literal["say_failed"] = "say_failed"
    seq: int
    utterance: str
    code: str
    message: str


class MarkedMessage(BaseModel):
    """Everything sent before a ``mark`` has been played."""

    type: Literal["mark"] = "mark"
    seq: int
    id: str


class ViewersMessage(BaseModel):
    """So many watch now."""

    type: Literal["viewers"] = "viewers"
    seq: int
    count: int


class StatsMessage(BaseModel):
    """Depths now, and counts since the session's start; once a second."""

    model_config = ConfigDict(extra="forbid")  # so that a figure that only the session knows is not left out unseen

    type: Literal["stats"] = "stats"
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


class DrainingMessage(BaseModel):
    """The server is being stopped, and ends the session in so many seconds at the latest."""

    type: Literal["draining"] = "draining"
    in_s: float


class MoveMessage(BaseModel):
    """The session ends here in so many seconds at the latest, and there is room elsewhere.

    ``session``, ``url``: what it is called there, and where the same token attaches to it. Without them, who started it
    starts again where they came from.
    """

    type: Literal["move"] = "move"
    in_s: float
    session: str | None = None
    url: str | None = None


class ElsewhereMessage(BaseModel):
    """Answers ``start`` and ``attach``: say it again at this address. The socket closes next, with 4307."""

    type: Literal["elsewhere"] = "elsewhere"
    url: str


class ErrorMessage(BaseModel):
    """Why the socket closes next."""

    type: Literal["error"] = "error"
    code: str
    message: str


ServerMessage = Annotated[
    StartedMessage
    | AnswerMessage
    | SpeakingMessage
    | InterruptedMessage
    | SayFailedMessage
    | MarkedMessage
    | ViewersMessage
    | StatsMessage
    | DrainingMessage
    | MoveMessage
    | ElsewhereMessage
    | ErrorMessage,
    Field(discriminator="type"),
]

SERVER_MESSAGE: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)


def started(session: Session) -> StartedMessage:
    """Describe a session to whoever started it, or attaches to it."""
    avatar, utterance = session.cast.avatar, session.latest_utterance
    return StartedMessage(
        session=session.ref,
        engine=session.cast.engine.name,
        avatar=avatar.id,
        mode=session.mode,
        fps=VIDEO_FPS,
        width=avatar.width,
        height=avatar.height,
        voice_lead_ms=session.voice_lead_ms,
        ice_servers=[IceServerModel.of(server) for server in session.network.ice_servers()],
        played_ms=session.played_ms,
        utterance=utterance.id if utterance else None,
        received_bytes=utterance.received_bytes if utterance else 0,
        viewers=session.viewer_count,
        last_event=session.last_seq,
    )


def message_of(told: Told) -> ServerMessage:
    """Say an event in the protocol's words."""
    match told.event:
        case Stats():
            return StatsMessage(**asdict(told.event))
        case Draining():
            return DrainingMessage(in_s=round(told.event.in_s, 1))
        case Moving():
            return MoveMessage(in_s=round(told.event.in_s, 1), session=told.event.ref, url=told.event.url)
        case Failed():
            return ErrorMessage(code=told.event.why.code, message=told.event.why.message)
    assert told.seq is not None
    return _numbered(told.seq, told.event)


def _numbered(seq: int, event: Speaking | Interrupted | SayFailed | Marked | ViewersChanged) -> ServerMessage:
    match event:
        case Speaking():
            state: Literal["started", "finished"] = "started" if event.begins else "finished"
            return SpeakingMessage(
                seq=seq,
                state=state,
                utterance=event.utterance,
                played_ms=event.played_ms,
                interrupted=event.interrupted,
            )
        case Interrupted():
            return InterruptedMessage(seq=seq, **asdict(event))
        case SayFailed():
            return SayFailedMessage(seq=seq, utterance=event.utterance, code=event.why.code, message=event.why.message)
        case Marked():
            return MarkedMessage(seq=seq, id=event.id)
        case ViewersChanged():
            return ViewersMessage(seq=seq, count=event.count)
