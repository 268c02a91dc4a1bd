"""One WebSocket to the server, attached to a session."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from collections.abc import Awaitable
from typing import Any, cast
from urllib.parse import urljoin

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from lipwire.errors import ConnectionLost, LipwireError, error_of
from lipwire.outbox import Outbox
from lipwire.wire import attach_message, messages_of

WRITE_LIMIT_BYTES = 32 * 1024  # that wait in this process: past it, whoever sends waits
SEND_BUFFER_BYTES = 256 * 1024  # that wait in the kernel
PING_EVERY_BYTES = 1024 * 1024
UNANSWERED = 8  # of those pings: so much may be under way, however much the kernels between would take
ANSWER_BYTES = 1024 * 1024  # the largest message of the server
PING_S = 15.0  # how often the server is told that this client still wants the session
SILENCE_S = 10  # the server pings every 1.5 s: without a byte for so long it cannot be reached
CLOSE_S = 2.0
MOST_HOPS = 3  # from one server to the next, until one takes the session


class _Counted(ClientConnection):
    """Knows for how many looks nothing has come."""

    silent_looks = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self.silent_looks = 0
        super().data_received(data)


class Connection:
    """Reads and writes as long as the socket lives. :meth:`attach` makes one; the caller closes it."""

    def __init__(self, socket: _Counted, started: dict[str, Any]) -> None:
        self._socket, self.started = socket, started

    @classmethod
    async def attach(
        cls,
        url: str,
        session: str,
        token: str,
        after: int | None,
        timeout_s: float,
        next_utterance: int | None = None,
    ) -> Connection:
        """Connect, and be let in; where the server names another, there.

        Raises:
            LipwireError: :class:`ConnectionLost` where the server does not answer, or what it refused for.
        """
        try:
            message = attach_message(session, token, after, next_utterance)
            return await asyncio.wait_for(cls._attach(url, message), timeout_s)
        except asyncio.TimeoutError:
            raise ConnectionLost("unreachable", f"{url} did not answer within {timeout_s:.1f} s.") from None

    @classmethod
    async def _attach(cls, url: str, message: str) -> Connection:
        for _ in range(MOST_HOPS + 1):
            answered = await cls._attach_at(url, message)
            if isinstance(answered, Connection):
                return answered
            url = _elsewhere(url, answered)
        raise ConnectionLost("sent_round", f"The servers sent this client from one to the other, at last to {url}.")

    @classmethod
    async def _attach_at(cls, url: str, attach: str) -> Connection | str:
        """Be let in at an address, or return the one that it names in its place."""
        try:
            opened = await open_websocket(
                url,
                create_connection=_Counted,
                compression=None,  # speech does not shrink
                max_size=ANSWER_BYTES,
                write_limit=WRITE_LIMIT_BYTES,
                ping_interval=PING_S,
                ping_timeout=None,  # a pong waits behind sound that a full server does not read
                close_timeout=CLOSE_S,
            )
        except (OSError, EOFError, InvalidHandshake) as error:
            raise _unreachable(url, error) from error
        connection = cast(_Counted, opened)
        try:
            _limit_kernel(connection)
            await connection.send(attach)
            while (message := json.loads(await connection.recv()))["type"] != "started":
                if message["type"] == "elsewhere":
                    connection.transport.abort()
                    return str(message["url"])
                if message["type"] == "error":
                    code = await _close_code(connection)
                    raise error_of(message["code"], message["message"], code - 4000)
        except ConnectionClosed as error:
            raise _closed(error) from error
        except BaseException:
            connection.transport.abort()
            raise
        return cls(connection, message)

    async def read(self) -> dict[str, Any]:
        """Wait for the next message.

        Raises:
            LipwireError: how the connection ended.
        """
        try:
            message: dict[str, Any] = json.loads(await self._socket.recv())
        except ConnectionClosed as error:
            raise _closed(error) from error
        if message.get("type") == "error":
            code = await _close_code(self._socket)
            raise error_of(message["code"], message["message"], code - 4000)
        return message

    async def write_from(self, outbox: Outbox) -> None:
        """Write whatever is in a box, for ever; stops taking from it while the server is full.

        At most ``PING_EVERY_BYTES`` times ``UNANSWERED`` are written past what the server has read: a pong says how far
        it is, as it comes behind what was sent before its ping.

        Raises:
            LipwireError: how the connection ended.
        """
        unanswered: deque[Awaitable[float]] = deque()
        written = 0
        try:
            while True:
                for message in messages_of(await outbox.take()):
                    await self._socket.send(message)
                    written += len(message)
                if written >= PING_EVERY_BYTES:
                    written = 0
                    unanswered.append(await self._socket.ping())
                    if len(unanswered) > UNANSWERED:
                        await unanswered.popleft()
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def watch(self) -> None:
        """Wait until the server is silent, which a living one never is.

        Raises:
            ConnectionLost: then.
        """
        # looks are counted, not seconds: where this process was held up, it has not looked
        while self._socket.silent_looks <= SILENCE_S:
            self._socket.silent_looks += 1
            await asyncio.sleep(1)
        raise ConnectionLost("silent", f"The server was silent for {SILENCE_S} s.")

    async def interrupt(self) -> None:
        """Drop all that was not heard, there.

        Raises:
            LipwireError: how the connection ended.
        """
        try:
            await self._socket.send('{"type":"interrupt"}')
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def leave(self) -> None:
        """Say goodbye, and close."""
        try:
            await asyncio.wait_for(self._socket.send('{"type":"stop"}'), CLOSE_S)
            await asyncio.wait_for(self._socket.close(), CLOSE_S)
        except (ConnectionClosed, asyncio.TimeoutError):
            pass
        self.abort()

    def abort(self) -> None:
        """Close without a goodbye."""
        self._socket.transport.abort()


def _limit_kernel(connection: _Counted) -> None:
    raw = connection.transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def _elsewhere(url: str, named: str) -> str:
    """Read an address that a server named: another of its own kind, and over TLS where that one was."""
    address = urljoin(url, named)
    if not address.startswith("wss://" if url.startswith("wss://") else ("ws://", "wss://")):
        raise LipwireError("bad_address", f"{url} names {named}, where this client does not take its token.")
    return address


async def _close_code(connection: _Counted) -> int:
    """Wait for the close that follows an error; returns its code, 4000 where it does not come."""
    try:
        await asyncio.wait_for(connection.wait_closed(), CLOSE_S)
    except asyncio.TimeoutError:
        return 4000
    return connection.protocol.close_code or 4000


def _closed(error: ConnectionClosed) -> LipwireError:
    code = error.rcvd.code if error.rcvd is not None else 1006
    if 4000 <= code < 5000:
        return error_of(
            f"closed_{code}", error.rcvd.reason if error.rcvd and error.rcvd.reason else "Closed.", code - 4000
        )
    return ConnectionLost("connection_lost", f"The connection was lost (close code {code}).")


def _unreachable(url: str, error: Exception) -> LipwireError:
    if isinstance(error, InvalidStatus) and error.response.status_code in (401, 403, 404):
        return error_of("refused", f"{url} answered with {error.response.status_code}.", error.response.status_code)
    return ConnectionLost("unreachable", f"{url} cannot be reached: {error}")
