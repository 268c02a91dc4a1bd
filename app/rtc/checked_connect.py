"""TCP connections to servers that somebody named: to addresses that were checked, and to no others."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable

import httpcore
import httpx

from app.rtc.push import PushFailed
from app.rtc.reach import Reach

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class Forbidden(OSError):
    """A name that leads to no address where a push may go."""


def output_reach(private: bool) -> Reach:
    """Return where outputs may go: to this machine itself too, where private networks are allowed."""
    return Reach(private, loopback=private)


def not_allowed() -> PushFailed:
    """Say that a push may not go there."""
    message = "Outputs may not go to this address: it is this machine's own, or one of a private network."
    return PushFailed("output_not_allowed", message, refused=True)


async def checked_addresses(host: str, port: int, reach: Reach) -> list[str]:
    """Return the addresses behind a name that may be reached, in the order in which they should be tried.

    Raises:
        Forbidden: where there are addresses, and none may be.
        OSError: where there are none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    allowed = [each for each in addresses if reach.allows(each)]
    if not allowed:
        raise Forbidden(f"{host} is not allowed")
    return allowed


async def open_checked(
    host: str, port: int, context: ssl.SSLContext | None, reach: Reach
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a host by one of its addresses that may be reached; TLS still asks for the host's name.

    Raises:
        Forbidden: where none may be.
        OSError: where none answers.
    """
    error: OSError = OSError("no address")
    for address in await checked_addresses(host, port, reach):
        try:
            return await asyncio.open_connection(address, port, ssl=context, server_hostname=host if context else None)
        except ssl.SSLError:
            raise
        except OSError as failed:
            error = failed
    raise error


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects an HTTP client, for each request and redirect anew, to addresses that were checked."""

    def __init__(self, reach: Reach) -> None:
        self._reach, self._plain = reach, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore names it
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect by one of a host's addresses."""
        error: Exception = httpcore.ConnectError("no address")
        try:
            async with asyncio.timeout(timeout):
                addresses = await checked_addresses(host, port, self._reach)
        except Forbidden:
            raise
        except (OSError, UnicodeError) as failed:  # a TimeoutError is an OSError
            raise httpcore.ConnectError(str(failed) or "no answer to its name") from failed
        for address in addresses:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore names it
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no address names one."""
        raise Forbidden("no file is a server")

    async def sleep(self, seconds: float) -> None:
        """Wait, as httpcore does between tries."""
        await asyncio.sleep(seconds)


def checked_transport(reach: Reach) -> httpx.AsyncHTTPTransport:
    """Make the transport of an HTTP client; proxies of the environment are not used, as they would ask for names.

    httpx has no way to give it a backend, so its pool is replaced; ``tests/rtc/test_checked_connect.py`` fails where
    that moves.
    """
    transport = httpx.AsyncHTTPTransport()
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=httpx.create_ssl_context(), network_backend=CheckedBackend(reach)
    )
    return transport
