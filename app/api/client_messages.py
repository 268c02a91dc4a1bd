"""What a client may say on the socket, and every way in which that can be wrong.

``docs/protocol.md`` lists the same for people; ``/openapi.json`` holds the schema.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.avatars.background import LiveBackground
from app.errors import Refusal
from app.ingest.pcm import Encoding, PcmFormat
from app.pacer.schedule import Mode
from app.session_ref import LONGEST_REF
from app.sessions.countenance import Hint
from app.sessions.session_request import SessionRequest

MIN_RATE, MAX_RATE = 8_000, 96_000
MAX_TEXT_BYTES = 256 * 1024
MAX_BINARY_BYTES = 8 * 1024 * 1024
MOST_LEVELS = 50  # in a message, two seconds
MOST_UTTERANCES = 10**9  # that a session may have had before it came here


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class StartMessage(_Message):
    """The first message: what will be sent, and who shall speak."""

    type: Literal["start"]
    avatar: str = Field(default="default", max_length=128)
    engine: str = Field(default="auto", max_length=64)
    mode: Mode = "live"
    key: str = Field(default="", max_length=4096, repr=False, description="an API key, where the server wants one")
    sample_rate: int = Field(default=48_000, ge=MIN_RATE, le=MAX_RATE)
    channels: int = Field(default=1, ge=1, le=2)
    encoding: Encoding = "pcm_s16le"
    next_utterance: int = Field(default=1, ge=1, le=MOST_UTTERANCES, description="the first number that it gives")
    background: LiveBackground = Field(default="keep", description="what shows behind the person")

    def request(self, owner: str, address: str = "") -> SessionRequest:
        """Return the session it asks for: one that its own viewer begins, of the key with the id ``owner``.

        ``address``: of who asks.
        """
        return SessionRequest(
            self.avatar,
            self.engine,
            self.mode,
            hold_until_viewer=True,
            owner=owner,
            address=address,
            next_utterance=self.next_utterance,
            background=self.background,
        )

    @property
    def format(self) -> PcmFormat:
        """The sound that it announces."""
        return PcmFormat(self.encoding, self.channels, self.sample_rate)


class AttachMessage(_Message):
    """The first message of who feeds a session made elsewhere. ``after``: the last event's ``seq`` they know.

    ``next_utterance``: no lower number is given to an utterance any more, as others were here or elsewhere.
    """

    type: Literal["attach"]
    session: str = Field(max_length=LONGEST_REF)
    token: str = Field(max_length=4096, repr=False)
    sample_rate: int = Field(default=48_000, ge=MIN_RATE, le=MAX_RATE)
    channels: int = Field(default=1, ge=1, le=2)
    encoding: Encoding = "pcm_s16le"
    after: int | None = Field(default=None, ge=0)
    next_utterance: int = Field(default=1, ge=1, le=MOST_UTTERANCES)

    @property
    def format(self) -> PcmFormat:
        """The sound that it announces."""
        return PcmFormat(self.encoding, self.channels, self.sample_rate)


class UtteranceMessage(_Message):
    """What follows belongs to this utterance; where no format is given, in the one announced at first."""

    type: Literal["utterance"]
    id: str = Field(min_length=1, max_length=128)
    sample_rate: int | None = Field(default=None, ge=MIN_RATE, le=MAX_RATE)
    channels: int | None = Field(default=None, ge=1, le=2)
    encoding: Encoding | None = None

    def format(self, announced: PcmFormat) -> PcmFormat:
        """Its sound's format, ``announced`` where it says nothing."""
        return PcmFormat(
            self.encoding or announced.encoding,
            self.channels or announced.channels,
            self.sample_rate or announced.sample_rate,
        )


class SayMessage(_Message):
    """A text to be spoken, as an utterance of its own. ``voice``: an id of ``/api/voices``."""

    type: Literal["say"]
    text: str
    voice: str | None = Field(default=None, min_length=1, max_length=128)
    utterance: str | None = Field(default=None, min_length=1, max_length=128)


class MarkMessage(_Message):
    """To be echoed when everything before it has been played."""

    type: Literal["mark"]
    id: str = Field(max_length=128)


class MoodMessage(_Message):
    """How the face shall look, from now on or with the sound that follows."""

    type: Literal["mood"]
    name: str = Field(max_length=64, description="neutral, warm, serious, surprised or sorry")
    strength: float = Field(default=1.0, ge=0, le=1)
    when: Literal["now", "words"] = "now"


Level = Annotated[float, Field(ge=-200, le=20)]


class ListeningMessage(_Message):
    """Somebody speaks to the face: a hint, or how loud they are, in dBFS of 40 ms each."""

    type: Literal["listening"]
    state: Hint | None = None
    levels: list[Level] = Field(default=[], max_length=MOST_LEVELS)


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
    StartMessage
    | AttachMessage
    | OfferMessage
    | UtteranceMessage
    | SayMessage
    | FlushMessage
    | MarkMessage
    | MoodMessage
    | ListeningMessage
    | InterruptMessage
    | StopMessage,
    Field(discriminator="type"),
]


TYPES = ("start", "attach", "offer", "utterance", "say", "flush", "mark", "mood", "listening", "interrupt", "stop")
NAMES = ", ".join(TYPES[:-1]) + " or " + TYPES[-1]
CLIENT_MESSAGE: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)


def parse(text: str) -> ClientMessage:
    """Read one text message.

    Raises:
        Refusal: ``bad_json``, ``unknown_type``, ``bad_field`` or ``message_too_large``.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise Refusal("message_too_large", f"Keep text messages under {MAX_TEXT_BYTES // 1024} KiB.")
    try:
        return CLIENT_MESSAGE.validate_json(text)
    except ValidationError as invalid:
        raise _refusal(invalid) from invalid


def _refusal(invalid: ValidationError) -> Refusal:
    first = invalid.errors()[0]
    kind = first["type"]
    if kind == "json_invalid":
        return Refusal("bad_json", "Text messages must be JSON objects; this one is not valid JSON.")
    if kind.startswith("union_tag"):
        return Refusal("unknown_type", f'Give "type" as one of {NAMES}.')
    where = ".".join(str(part) for part in first["loc"][1:])
    if not where:
        return Refusal("bad_json", 'Text messages must be JSON objects with a "type".')
    return Refusal("bad_field", f'Field "{where}" is not usable: {first["msg"]}.')
