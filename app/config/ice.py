"""STUN and TURN servers, as one lists them."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import asdict, dataclass

from app.config.wanting import SettingsError, wanting

_ICE_URL = re.compile(r"(stuns?|turns?):[^\s:?]+(:\d+)?(\?transport=(udp|tcp))?")
_PORTS = re.compile(r"\s*(\d{1,5})\s*-\s*(\d{1,5})\s*", re.ASCII)
LOWEST_PORT, HIGHEST_PORT = 1024, 65535


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


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports, both ends included."""

    first: int
    last: int


def parse_ports(text: str) -> PortRange | None:
    """Read a range such as ``50000-50999``; None where none is given.

    Raises:
        SettingsError: where it is none.
    """
    if not text.strip():
        return None
    match = _PORTS.fullmatch(text)
    first, last = (int(match[1]), int(match[2])) if match else (0, 0)
    if not LOWEST_PORT <= first <= last <= HIGHEST_PORT:
        wanted = f"a range of UDP ports from {LOWEST_PORT} to {HIGHEST_PORT}, such as 50000-50999"
        raise wanting("ice_ports", wanted)
    return PortRange(first, last)


def parse_addresses(text: str) -> tuple[str, ...]:
    """Read the addresses at which this machine is reached: an IPv4 one, an IPv6 one, or both between a comma.

    Raises:
        SettingsError: where one is no address of a machine, or two are of one kind.
    """
    addresses = []
    try:
        addresses = [ipaddress.ip_address(each.strip()) for each in text.split(",") if each.strip()]
    except ValueError:
        raise _bad_address() from None
    nobodys = [each for each in addresses if each.is_unspecified or each.is_multicast or each.is_link_local]
    if nobodys or len({each.version for each in addresses}) < len(addresses):
        raise _bad_address()
    return tuple(str(each) for each in addresses)


def _bad_address() -> SettingsError:
    return wanting("ice_address", "an IPv4 address, an IPv6 address, or one of each between a comma")
