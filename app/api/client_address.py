"""Where a client is: what counts as one address, and which proxies are believed about it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from app.log_context import ADDRESS
from app.peer_address import address_of

MAPPED_BITS = 96  # before an IPv4 address that is written as an IPv6 one


class Proxies:
    """The addresses that ``X-Forwarded-For`` is believed of."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = [ip_network(each, strict=False) for each in trusted]

    def __contains__(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        if not isinstance(address, IPv4Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    @property
    def networks(self) -> list[str]:
        """All of them; an IPv4 network also as an IPv6 socket shows it."""
        shown = [str(network) for network in self._networks]
        for network in self._networks:
            if isinstance(network, IPv4Network):
                shown.append(f"::ffff:{network.network_address}/{MAPPED_BITS + network.prefixlen}")
        return shown


class AddressNoted:
    """Notes, for the log lines of a request or a socket, whose it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        client = scope.get("client")
        ADDRESS.set(address_of(client[0] if client else None))
        await self._app(scope, receive, send)
