"""Settings: one frozen object, made once from flags and ``LIPWIRE_*`` variables."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from app.assets import CHECKOUT

VARIABLE_PREFIX = "LIPWIRE_"
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


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set; each field is ``LIPWIRE_<NAME>`` in the environment."""

    host: str = "127.0.0.1"
    port: int = 8000
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    engine: str = "auto"
    data_dir: Path = CHECKOUT / "data"
    weights_dir: Path = CHECKOUT / "weights"
    weights_mirrors: tuple[str, ...] = ()  # where weights are fetched from, before the manifest's own addresses
    max_sessions: int = 8
    max_avatars: int = 200
    max_side: int = 1080  # pixels of a frame's longer side; larger pictures are scaled down
    voice_lead_packets: int = 2  # how many 20 ms packets the voice leaves ahead of its picture
    video_bitrate: int = 2_500_000  # bits per second at most
    ice_servers: tuple[IceServer, ...] = ()
    idle_timeout_s: float = 300.0  # without a message from the client
    start_timeout_s: float = 10.0  # from the socket's opening to "start"
    buffer_high: int = 20  # Buffer A's high water mark in frames
    buffer_low: int = 10
    life: bool = True  # faces blink, breathe and sway
    threads: int = 0  # for the engines; 0: as many as there are cores

    def __post_init__(self) -> None:
        _require(0 <= self.port <= 65535, "port", "a number from 0 to 65535")
        _require(self.max_sessions >= 1, "max_sessions", "at least 1")
        _require(0 <= self.voice_lead_packets <= 50, "voice_lead_packets", "0 to 50")
        _require(0 <= self.buffer_low < self.buffer_high, "buffer_low", "below buffer_high")
        _require(128 <= self.max_side <= 8192, "max_side", "128 to 8192")  # a living face counts half pixels in 16 bits
        urls_fine = all(_HTTP_URL.fullmatch(url) for url in self.weights_mirrors)
        _require(urls_fine, "weights_mirrors", "http:// or https:// addresses separated by commas (--mirror: one each)")
        _require(bool(self.ssl_certfile) == bool(self.ssl_keyfile), "ssl_certfile", "given together with ssl_keyfile")


def _require(fine: bool, name: str, wanted: str) -> None:
    if not fine:
        raise SettingsError(f"{VARIABLE_PREFIX}{name.upper()} must be {wanted}.")


def load_settings(environment: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """Build the settings: flags that are not None, then variables, then defaults.

    Raises:
        SettingsError: naming the variable and what it should be.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for field in fields(Settings):
        text = environment.get(VARIABLE_PREFIX + field.name.upper())
        if text is not None and text != "":
            values[field.name] = _parse(field.name, field.type, text)
    values.update({name: value for name, value in flags.items() if value is not None})
    return Settings(**values)


def _parse(name: str, kind: Any, text: str) -> Any:
    if name == "ice_servers":
        return parse_ice_servers(text)
    if kind == "bool":
        return _parse_bool(name, text)
    if name == "weights_mirrors":
        return tuple(url.strip() for url in text.split(",") if url.strip())
    readers: dict[str, Any] = {"int": int, "float": float, "Path": Path}
    reader = readers.get(str(kind), str)
    try:
        return reader(text)
    except ValueError:
        raise SettingsError(f"{VARIABLE_PREFIX}{name.upper()} must be a number, not {text!r}.") from None


def _parse_bool(name: str, text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in known:
        raise SettingsError(f"{VARIABLE_PREFIX}{name.upper()} must be 1 or 0, not {text!r}.")
    return known[text.lower()]


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
