"""The WebSocket protocol's messages: what a client may say, and every way in which it can be wrong.

``docs/protocol.md`` lists the same for people.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.ingest.pcm import Encoding
from app.pacer.schedule import Mode

MIN_RATE, MAX_RATE = 8_000, 96_000
MAX_TEXT_BYTES = 256 * 1024
MAX_BINARY_BYTES = 8 * 1024 * 1024

BAD_MESSAGE = 4400
NO_AVATAR = 4404
IDLE = 4408
TOO_LARGE = 4413
FULL = 4429
OUR_FAULT = 4500


class ProtocolError(Exception):
    """A refusal: sent as ``error`` and, as it is fatal, followed by closing with ``close_code``."""

    def __init__(self, close_code: int, code: str, message: str) -> None:
        super().__init__(message)
        self.close_code, self.code, self.message = close_code, code, message


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Start(_Message):
    """The first message: what will be sent, and who shall speak."""

    type: Literal["start"]
    avatar: str = Field(default="default", max_length=128)
    engine: str = Field(default="auto", max_length=64)
    mode: Mode = "live"
    sample_rate: int = Field(default=48_000, ge=MIN_RATE, le=MAX_RATE)
    channels: int = Field(default=1, ge=1, le=2)
    encoding: Encoding = "pcm_s16le"


class Offer(_Message):
    """The browser's session description, with its candidates inside."""

    type: Literal["offer"]
    sdp: str


class Flush(_Message):
    """End of an utterance."""

    type: Literal["flush"]


class Interrupt(_Message):
    """Drop all that has not played."""

    type: Literal["interrupt"]


class Stop(_Message):
    """End of the session."""

    type: Literal["stop"]


Message = Start | Offer | Flush | Interrupt | Stop

_ADAPTER: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def parse(text: str) -> Message:
    """Read one text message.

    Raises:
        ProtocolError: ``bad_json``, ``unknown_type``, ``bad_field`` or ``message_too_large``.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise ProtocolError(TOO_LARGE, "message_too_large", f"Keep text messages under {MAX_TEXT_BYTES // 1024} KiB.")
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as invalid:
        raise _refusal(invalid) from invalid


def _refusal(invalid: ValidationError) -> ProtocolError:
    first = invalid.errors()[0]
    kind = first["type"]
    if kind == "json_invalid":
        return ProtocolError(BAD_MESSAGE, "bad_json", "Text messages must be JSON objects; this one is not valid JSON.")
    if kind.startswith("union_tag"):
        return ProtocolError(
            BAD_MESSAGE, "unknown_type", 'Give "type" as one of start, offer, flush, interrupt or stop.'
        )
    where = ".".join(str(part) for part in first["loc"][1:])
    if not where:
        return ProtocolError(BAD_MESSAGE, "bad_json", 'Text messages must be JSON objects with a "type".')
    return ProtocolError(BAD_MESSAGE, "bad_field", f'Field "{where}" is not usable: {first["msg"]}.')
