"""Where connections come in: counted before their first byte, and before TLS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import ssl
from collections.abc import Callable

from app.api.connections import Peer
from app.api.doorkeeper import HANDSHAKE_TOKENS, TLS_TOKENS, Doorkeeper
from app.api.problems import MEDIA_TYPE, problem_of
from app.tallies import REFUSALS

logger = logging.getLogger(__name__)

FULL_CODE = "too_many_connections"
FULL = "This server, or this address, has all the connections that it may have; try again in a minute."
RETRY_S = 60
LONGEST_WAIT_S = 20.0  # for an address that connects too often, before its connection is closed
NO_DESCRIPTOR_S = 0.2  # until it is tried again to accept
LINGER_S = 1.0  # for who was refused to read it
LINGERING = 64


def _refusal() -> bytes:
    body = json.dumps(problem_of(503, FULL_CODE, FULL).model_dump()).encode()
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
        f"Retry-After: {RETRY_S}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


class FrontDoor:
    """Listens, and makes a protocol for each who is let in; what uvicorn takes for an asyncio server.

    Whoever finds no place (:class:`Doorkeeper`) is told so and closed. TLS has ``header_timeout_s`` for its handshake.
    An address that connects too often waits, and is closed after ``LONGEST_WAIT_S``. Bound: the doorkeeper's
    connections, and ``LINGERING`` that were refused.
    """

    def __init__(
        self,
        listeners: list[socket.socket],
        make_protocol: Callable[[], asyncio.Protocol],
        doorkeeper: Doorkeeper,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.sockets = listeners
        self._make_protocol, self._doorkeeper, self._tls = make_protocol, doorkeeper, tls
        self._refusal = _refusal()
        self._lingering: set[socket.socket] = set()
        self._entering: set[asyncio.Task[None]] = set()
        self._accepting = [asyncio.create_task(self._accept(each), name="front door") for each in listeners]

    def close(self) -> None:
        """Let nobody in any more; again is fine."""
        for task in (*self._accepting, *self._entering):
            task.cancel()
        for each in (*self.sockets, *self._lingering):
            each.close()
        self._lingering.clear()

    async def wait_closed(self) -> None:
        """Wait until it is shut."""
        await asyncio.gather(*self._accepting, *self._entering, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(listener)
            except ConnectionError:
                continue  # it has gone again
            except OSError as error:  # no descriptor is left
                logger.warning("front door: cannot accept: %s", error.strerror)
                await asyncio.sleep(NO_DESCRIPTOR_S)
                continue
            peer: Peer = (str(address[0]), int(address[1]))
            if self._doorkeeper.connections.enter(peer, peer[0] in self._doorkeeper.proxies):
                task = asyncio.create_task(self._enter(connection, peer), name="connection")
                self._entering.add(task)
                task.add_done_callback(self._entering.discard)
            else:
                self._refuse(connection)
            await asyncio.sleep(0)  # a connection a turn

    async def _enter(self, connection: socket.socket, peer: Peer) -> None:
        """Make a connection of it; from then on its protocol gives its place back."""
        loop = asyncio.get_running_loop()
        timeout_s = self._doorkeeper.header_timeout_s if self._tls else None
        try:
            if peer[0] not in self._doorkeeper.proxies:
                tokens = TLS_TOKENS if self._tls else HANDSHAKE_TOKENS
                await self._doorkeeper.turn(peer[0], tokens, LONGEST_WAIT_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                self._make_protocol, connection, ssl=self._tls, ssl_handshake_timeout=timeout_s
            )
        except BaseException as error:
            connection.close()
            self._doorkeeper.connections.leave(peer)
            if not isinstance(error, OSError | TimeoutError | asyncio.CancelledError):
                raise

    def _refuse(self, connection: socket.socket) -> None:
        """Say why, where that can be understood, and close."""
        REFUSALS.note("http", FULL_CODE)
        if self._tls is not None or len(self._lingering) >= LINGERING:
            connection.close()
            return
        with contextlib.suppress(OSError):
            connection.send(self._refusal)
            connection.shutdown(socket.SHUT_WR)
        self._lingering.add(connection)
        asyncio.get_running_loop().call_later(LINGER_S, self._let_go, connection)

    def _let_go(self, connection: socket.socket) -> None:
        self._lingering.discard(connection)
        connection.close()


def listen(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Open the sockets that a host and port mean.

    Raises:
        OSError: the address cannot be used.
    """
    listeners: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(backlog)
    except OSError:
        for each in listeners:
            each.close()
        raise
    return listeners
