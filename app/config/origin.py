"""Names of hosts and origins of pages, in the one form in which they are compared."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?)(?::(?P<port>\d{1,5}))?"
)
_ORIGIN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#@\\\s]+)")
_LOCALHOST = "localhost"


@dataclass(frozen=True, slots=True)
class Authority:
    """``host`` in lower case, an IPv6 address in its short form without brackets; ``port`` where one was said."""

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Authority | None:
        """Read what a ``Host`` header says; None where that is no host, or more than one."""
        found = _AUTHORITY.fullmatch(text)
        if found is None:
            return None
        host = found["host"].lower().removesuffix(".")
        if host.startswith("["):
            address = address_of(host[1:-1])
            if address is None or address.version == 4:
                return None
            host = str(address)
        port = int(found["port"]) if found["port"] else None
        return cls(host, port) if port is None or port <= 65535 else None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a page comes from; ``port`` is the scheme's own where none was said, None where the scheme has none."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """Read what an ``Origin`` header says; None for ``null``, several, or anything that is more than an origin."""
        found = _ORIGIN.fullmatch(text)
        authority = Authority.parse(found["authority"]) if found else None
        return cls.of(found["scheme"].lower(), authority) if found and authority else None

    @classmethod
    def of(cls, scheme: str, authority: Authority) -> Origin:
        """Put a scheme before a host."""
        port = DEFAULT_PORTS.get(scheme) if authority.port is None else authority.port
        return cls(scheme, authority.host, port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port in (None, DEFAULT_PORTS.get(self.scheme))
        return f"{self.scheme}://{host}" + ("" if is_usual else f":{self.port}")


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return a host's IP address where it is one, and no name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether a host can only be this machine: an address of its own, or ``localhost`` and what is below it."""
    host = host.lower().removesuffix(".").strip("[]")
    address = address_of(host)
    if address is None:
        return host == _LOCALHOST or host.endswith("." + _LOCALHOST)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
