"""What the server says on the socket: a session's events and answers in the protocol's words.

``docs/protocol.md`` lists the same for people; ``/openapi.json`` holds the schema.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.config import IceServer
from app.media import VIDEO_FPS
from app.pacer.schedule import Mode
from app.sessions.events import Failed, Interrupted, SessionEvent, Speaking, Stats, ViewersChanged
from app.sessions.session import Session


class IceServerModel(BaseModel):
    """A STUN or TURN server, as RTCPeerConnection takes it."""

    urls: str
    username: str | None = Field(default=None, exclude_if=lambda value: value is None)
    credential: str | None = Field(default=None, exclude_if=lambda value: value is None)


class StartedMessage(BaseModel):
    """Answers ``start``."""

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


class AnswerMessage(BaseModel):
    """Answers ``offer``."""

    type: Literal["answer"] = "answer"
    sdp: str


class SpeakingMessage(BaseModel):
    """An utterance begins to play, or has played."""

    type: Literal["speaking"] = "speaking"
    state: Literal["started", "finished"]
    played_ms: int


class InterruptedMessage(BaseModel):
    """Answers ``interrupt``."""

    type: Literal["interrupted"] = "interrupted"
    played_ms: int


class ViewersMessage(BaseModel):
    """So many watch now."""

    type: Literal["viewers"] = "viewers"
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
    | ViewersMessage
    | StatsMessage
    | ErrorMessage,
    Field(discriminator="type"),
]

SERVER_MESSAGE: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)


def started(session: Session) -> StartedMessage:
    """Describe a session to whoever started it."""
    avatar = session.cast.avatar
    return StartedMessage(
        session=session.id,
        engine=session.cast.engine.name,
        avatar=avatar.id,
        mode=session.mode,
        fps=VIDEO_FPS,
        width=avatar.width,
        height=avatar.height,
        voice_lead_ms=session.voice_lead_ms,
        ice_servers=[_ice(server) for server in session.limits.ice_servers],
    )


def message_of(event: SessionEvent) -> ServerMessage:
    """Say an event in the protocol's words."""
    match event:
        case Speaking():
            state: Literal["started", "finished"] = "started" if event.begins else "finished"
            return SpeakingMessage(state=state, played_ms=event.played_ms)
        case Interrupted():
            return InterruptedMessage(played_ms=event.played_ms)
        case ViewersChanged():
            return ViewersMessage(count=event.count)
        case Stats():
            return StatsMessage(**asdict(event))
        case Failed():
            return ErrorMessage(code=event.why.code, message=event.why.message)


def _ice(server: IceServer) -> IceServerModel:
    return IceServerModel(urls=server.urls, username=server.username, credential=server.credential)
