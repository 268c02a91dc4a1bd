"""The WebSocket protocol's messages, both ways, and every way in which a client's can be wrong.

``docs/protocol.md`` lists the same for people; ``/openapi.json`` holds their schema.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.config import IceServer
from app.errors import Refusal
from app.ingest.pcm import Encoding
from app.media import VIDEO_FPS
from app.pacer.schedule import Mode
from app.sessions.events import Failed, Interrupted, SessionEvent, Speaking, Stats, ViewersChanged
from app.sessions.feeder import PcmFormat
from app.sessions.service import SessionRequest
from app.sessions.session import Session

MIN_RATE, MAX_RATE = 8_000, 96_000
MAX_TEXT_BYTES = 256 * 1024
MAX_BINARY_BYTES = 8 * 1024 * 1024

BAD_MESSAGE = 4400
NOT_FOUND = 4404
IDLE = 4408
IN_USE = 4409
TOO_LARGE = 4413
FULL = 4429
OUR_FAULT = 4500

CLOSE_CODES = {  # whatever is not here was a bad message
    "no_such_avatar": NOT_FOUND,
    "idle_timeout": IDLE,
    "not_connected": IDLE,
    "not_reading": IDLE,
    "already_fed": IN_USE,
    "feeder_busy": IN_USE,
    "message_too_large": TOO_LARGE,
    "server_full": FULL,
    "server_busy": FULL,
    "internal_error": OUR_FAULT,
    "engine_failed": OUR_FAULT,
    "peer_lost": OUR_FAULT,
}


def close_code_of(refusal: Refusal) -> int:
    """Return the code that a socket closes with after a refusal."""
    return CLOSE_CODES.get(refusal.code, BAD_MESSAGE)


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class StartMessage(_Message):
    """The first message: what will be sent, and who shall speak."""

    type: Literal["start"]
    avatar: str = Field(default="default", max_length=128)
    engine: str = Field(default="auto", max_length=64)
    mode: Mode = "live"
    sample_rate: int = Field(default=48_000, ge=MIN_RATE, le=MAX_RATE)
    channels: int = Field(default=1, ge=1, le=2)
    encoding: Encoding = "pcm_s16le"

    @property
    def request(self) -> SessionRequest:
        """The session it asks for: one that its own viewer begins."""
        return SessionRequest(self.avatar, self.engine, self.mode, hold_until_viewer=True)

    @property
    def format(self) -> PcmFormat:
        """The sound that it announces."""
        return PcmFormat(self.encoding, self.channels, self.sample_rate)


class OfferMessage(_Message):
    """The browser's session description, with its candidates inside."""

    type: Literal["offer"]
    sdp: str


class FlushMessage(_Message):
    """End of an utterance."""

    type: Literal["flush"]


class InterruptMessage(_Message):
    """Drop all that has not played."""

    type: Literal["interrupt"]


class StopMessage(_Message):
    """End of the session."""

    type: Literal["stop"]


ClientMessage = Annotated[
    StartMessage | OfferMessage | FlushMessage | InterruptMessage | StopMessage, Field(discriminator="type")
]


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

_CLIENT: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
_SERVER: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)


def parse(text: str) -> ClientMessage:
    """Read one text message.

    Raises:
        Refusal: ``bad_json``, ``unknown_type``, ``bad_field`` or ``message_too_large``.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise Refusal("message_too_large", f"Keep text messages under {MAX_TEXT_BYTES // 1024} KiB.")
    try:
        return _CLIENT.validate_json(text)
    except ValidationError as invalid:
        raise _refusal(invalid) from invalid


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


def schemas() -> dict[str, dict[str, object]]:
    """Return both directions' JSON schemas by name, as ``/openapi.json`` shows them."""
    template = "#/components/schemas/{model}"
    client = _CLIENT.json_schema(ref_template=template)
    server = _SERVER.json_schema(ref_template=template, mode="serialization")
    parts = {**client.pop("$defs"), **server.pop("$defs")}
    return {**parts, "ClientMessage": client, "ServerMessage": server}


def _ice(server: IceServer) -> IceServerModel:
    return IceServerModel(urls=server.urls, username=server.username, credential=server.credential)


def _refusal(invalid: ValidationError) -> Refusal:
    first = invalid.errors()[0]
    kind = first["type"]
    if kind == "json_invalid":
        return Refusal("bad_json", "Text messages must be JSON objects; this one is not valid JSON.")
    if kind.startswith("union_tag"):
        return Refusal("unknown_type", 'Give "type" as one of start, offer, flush, interrupt or stop.')
    where = ".".join(str(part) for part in first["loc"][1:])
    if not where:
        return Refusal("bad_json", 'Text messages must be JSON objects with a "type".')
    return Refusal("bad_field", f'Field "{where}" is not usable: {first["msg"]}.')
