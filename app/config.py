"""Settings: one frozen object, made once from flags and ``LIPWIRE_*`` variables."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le
from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.assets import CHECKOUT, in_checkout

logger = logging.getLogger(__name__)

VARIABLE_PREFIX = "LIPWIRE_"
SHORTEST_SECRET = 32  # characters, as many as the signature has bytes (RFC 7518)
ELSEWHERE = {"LIPWIRE_CHROMIUM", "LIPWIRE_URL"}  # variables that the tests and benches read, and the client
_HTTP_URL = re.compile(r"https?://[^\s/,]+[^\s,]*")
_ICE_URL = re.compile(r"(stuns?|turns?):[^\s:?]+(:\d+)?(\?transport=(udp|tcp))?")


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and says what would do."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server, as browsers and aiortc both take them."""

    urls: str
    username: str | None = None
    credential: str | None = None

    def for_browser(self) -> dict[str, str]:
        """Return it as RTCPeerConnection takes it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def _data_dir() -> Path:
    return CHECKOUT / "data" if in_checkout() else user_data_path("lipwire", appauthor=False)


def _weights_dir() -> Path:
    return CHECKOUT / "weights" if in_checkout() else _data_dir() / "weights"


class Settings(BaseSettings):
    """Everything that can be set; ``load_settings`` reads each field from ``LIPWIRE_<NAME>`` in the environment."""

    model_config = SettingsConfigDict(env_prefix=VARIABLE_PREFIX, frozen=True)

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    ssl_certfile: str | None = Field(
        default=None, description="certificate for HTTPS; browsers allow the microphone only there or on localhost"
    )
    ssl_keyfile: str | None = Field(default=None, description="key of the certificate")
    engine: str = Field(default="auto", description="engine used for `auto`")
    data_dir: Path = Field(
        default_factory=_data_dir,
        description="folder of uploaded pictures and videos, of which a minute takes 1 to 2.3 GB; `data/` in a "
        "checkout, else `lipwire` in the user's data folder",
    )
    weights_dir: Path = Field(
        default_factory=_weights_dir,
        description="folder of checkpoints; `weights/` in a checkout, else `lipwire/weights` in the user's data folder",
    )
    weights_mirrors: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="where weights are fetched from first: addresses of folders, such as `https://host/folder`, "
        "separated by commas",
    )
    recordings_keep_days: float = Field(
        default=7, ge=0, description="days that a session's recording is kept in `data_dir`; 0 keeps it for ever"
    )
    max_sessions: int = Field(
        default=8, ge=1, description="sessions at once; one more is refused, earlier where the machine has no time"
    )
    max_viewers: int = Field(default=100, ge=0, description="viewers over WHEP at once, of all sessions")
    max_avatars: int = Field(default=200, ge=0, description="pictures and videos kept")
    max_side: int = Field(  # a living face counts half pixels in 16 bits
        default=1080, ge=128, le=8192, description="pixels of a frame's longer side; larger pictures are scaled down"
    )
    voice_lead_packets: int = Field(
        default=2, ge=0, le=50, description="20 ms packets by which the voice leaves ahead of its picture"
    )
    video_bitrate: int = Field(default=2_500_000, ge=1, description="most bits per second of video")
    ice_servers: Annotated[tuple[IceServer, ...], NoDecode] = Field(
        default=(),
        description="STUN and TURN servers: `stun:host:port` separated by commas, or a JSON list with `urls`, "
        "`username` and `credential`",
    )
    api_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="keys that may make sessions and change avatars, separated by commas; without any, everybody may "
        "who reaches the server",
    )
    token_secret: str = Field(
        default="",
        description="what the tokens of sessions are signed with, at least 32 characters; a random one, which lasts "
        "until the server ends",
    )
    max_duration_s: float = Field(
        default=14_400.0, gt=0, description="most seconds that a session made over HTTP lives, and how many by default"
    )
    idle_timeout_s: float = Field(
        default=300.0,
        gt=0,
        description="seconds without a sign of life until a client is closed, and with neither feeder nor viewer until "
        "a session made over HTTP ends",
    )
    start_timeout_s: float = Field(
        default=10.0, gt=0, description="seconds from a socket's opening to its first message"
    )
    buffer_high: int = Field(default=20, ge=1, description="high water mark of Buffer A, in frames")
    buffer_low: int = Field(default=10, ge=0, description="low water mark of Buffer A, in frames, below the high one")
    life: bool = Field(default=True, description="faces blink, breathe and sway, as long as there is time for it")
    threads: int = Field(default=0, ge=0, description="threads for Wav2Lip, and for the encoders; 0 is all cores")
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and nothing else."""
        return (init_settings,)

    @field_validator("weights_mirrors", mode="before")
    @classmethod
    def _read_mirrors(cls, value: Any) -> Any:
        urls = [url.strip() for url in value.split(",") if url.strip()] if isinstance(value, str) else value
        if not all(_HTTP_URL.fullmatch(url) for url in urls):
            raise _wanting("weights_mirrors", "http:// or https:// addresses separated by commas (--mirror: one each)")
        return urls

    @field_validator("speech_key")
    @classmethod
    def _check_speech_key(cls, value: str) -> str:
        if not (value.isascii() and value.isprintable()):
            raise _wanting("speech_key", "plain characters alone, as it travels in a header")
        return value

    @field_validator("speech_url")
    @classmethod
    def _check_speech_url(cls, value: str) -> str:
        if value and not _HTTP_URL.fullmatch(value):
            raise _wanting("speech_url", "an http:// or https:// address")
        return value

    @field_validator("api_keys", mode="before")
    @classmethod
    def _read_keys(cls, value: Any) -> Any:
        return tuple(key.strip() for key in value.split(",") if key.strip()) if isinstance(value, str) else value

    @field_validator("token_secret")
    @classmethod
    def _check_secret(cls, value: str) -> str:
        if 0 < len(value) < SHORTEST_SECRET:
            raise _wanting("token_secret", f"at least {SHORTEST_SECRET} characters")
        return value

    @field_validator("ice_servers", mode="before")
    @classmethod
    def _read_ice_servers(cls, value: Any) -> Any:
        return parse_ice_servers(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_pairs(self) -> Settings:
        if self.buffer_low >= self.buffer_high:
            raise _wanting("buffer_low", "below buffer_high")
        if bool(self.ssl_certfile) != bool(self.ssl_keyfile):
            raise _wanting("ssl_certfile", "given together with ssl_keyfile")
        return self


def load_settings(environment: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """Build the settings: flags that are not None, then variables, then defaults.

    Raises:
        SettingsError: naming the variable and what it should be.
    """
    environment = os.environ if environment is None else environment
    _warn_of_unknown(environment)
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): text for name, text in environment.items() if text}
    values = source() | {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**values)
    except ValidationError as invalid:
        raise _as_sentence(invalid) from None


def variable(name: str) -> str:
    """Return the environment variable of a field."""
    return VARIABLE_PREFIX + name.upper()


def shown_default(name: str) -> str:
    """Return a field's default as one would set it; empty where its description says what it is."""
    default = Settings.model_fields[name].default
    if isinstance(default, bool):
        return str(int(default))
    if isinstance(default, int | float):
        return f"{default:.12g}"
    return default if isinstance(default, str) else ""


def _warn_of_unknown(environment: Mapping[str, str]) -> None:
    known = {variable(name) for name in Settings.model_fields}
    for name in environment:
        if name.startswith(VARIABLE_PREFIX) and name not in known | ELSEWHERE:
            near = get_close_matches(name, known, 1, cutoff=0.8)
            logger.warning("settings: %s is not known%s", name, f"; did you mean {near[0]}?" if near else "")


def _wanting(name: str, wanted: str) -> SettingsError:
    return SettingsError(f"{variable(name)} must be {wanted}.")


def _as_sentence(invalid: ValidationError) -> SettingsError:
    """Make one sentence of the first thing that is wrong."""
    first = invalid.errors(include_url=False)[0]
    own = first.get("ctx", {}).get("error")
    if isinstance(own, SettingsError):
        return own
    name = str(first["loc"][0])
    return _wanting(name, f"{_accepted(name)}, not {first['input']!r}")


def _accepted(name: str) -> str:
    """Say what a field takes."""
    field = Settings.model_fields[name]
    if field.annotation is bool:
        return "1 or 0"
    if field.annotation not in (int, float):
        return "a path" if field.annotation is Path else "a text"
    least = [limit.ge for limit in field.metadata if isinstance(limit, Ge)]
    most = [limit.le for limit in field.metadata if isinstance(limit, Le)]
    above = [limit.gt for limit in field.metadata if isinstance(limit, Gt)]
    kind = "a whole number" if field.annotation is int else "a number"
    if least and most:
        return f"{kind} from {least[0]} to {most[0]}"
    return f"{kind}{f' of at least {least[0]}' if least else ''}{f' above {above[0]}' if above else ''}"


def parse_ice_servers(text: str) -> tuple[IceServer, ...]:
    """Read ICE servers: ``stun:host:port`` separated by commas, or a JSON list as browsers take it.

    Raises:
        SettingsError: when it is neither.
    """
    servers: list[IceServer] = []
    if not text.lstrip().startswith("["):
        servers = [IceServer(url.strip()) for url in text.split(",") if url.strip()]
    else:
        try:
            for item in json.loads(text):
                urls = [item["urls"]] if isinstance(item["urls"], str) else item["urls"]
                servers += [IceServer(str(url), item.get("username"), item.get("credential")) for url in urls]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _bad_ice_servers() from None
    if not all(_ICE_URL.fullmatch(server.urls) for server in servers):
        raise _bad_ice_servers()
    return tuple(servers)


def _bad_ice_servers() -> SettingsError:
    return SettingsError(
        "LIPWIRE_ICE_SERVERS must be URLs such as stun:host:3478 separated by commas, or a JSON list such as "
        '[{"urls": "turn:host:3478", "username": "u", "credential": "c"}].'
    )
