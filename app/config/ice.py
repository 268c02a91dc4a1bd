"""STUN and TURN servers, as one lists them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from app.config.wanting import SettingsError

_ICE_URL = re.compile(r"(stuns?|turns?):[^\s:?]+(:\d+)?(\?transport=(udp|tcp))?")


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server, as browsers and aiortc both take them."""

    urls: str
    username: str | None = None
    credential: str | None = None

    def for_browser(self) -> dict[str, str]:
        """Return it as RTCPeerConnection takes it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


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
