"""Who speaks texts."""

from __future__ import annotations

from pydantic import Field, field_validator

from app.config.group import SettingsGroup
from app.config.wanting import HTTP_URL, wanting


class SpeechSettings(SettingsGroup):
    """A server that speaks, or the built-in voice."""

    speech_url: str = Field(
        default="",
        description="server that speaks texts as OpenAI's does, such as `http://127.0.0.1:8880/v1`; without it the "
        "built-in voice speaks, where the extra `speech` is installed",
    )
    speech_key: str = Field(default="", repr=False, description="its key, where it wants one")
    speech_model: str = Field(default="", description="its model; `tts-1` where none is set")
    speech_voice: str = Field(
        default="",
        description="voice that speaks where none is named; else `alloy` of a server, `en-us` of the built-in ones",
    )

    @field_validator("speech_key")
    @classmethod
    def _check_speech_key(cls, value: str) -> str:
        if not (value.isascii() and value.isprintable()):
            raise wanting("speech_key", "plain characters alone, as it travels in a header")
        return value

    @field_validator("speech_url")
    @classmethod
    def _check_speech_url(cls, value: str) -> str:
        if value and not HTTP_URL.fullmatch(value):
            raise wanting("speech_url", "an http:// or https:// address")
        return value
