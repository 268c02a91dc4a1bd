"""A client that means harm: raw bytes on a socket, from an address of its own, as cheap for it as can be."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.frames import Frame, Opcode

NARROW_BYTES = 4096
CONNECT_S = 5  # that a server may take to accept and answer
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n"
)
MASK = bytes(4)
LOST = (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)

_addresses = itertools.cycle(range(1, 250))


class Line:
    """One TCP connection; what comes is read by nobody unless ``until`` or ``listen`` is asked for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Write, at the other end's pace."""
        self._writer.write(data)
        await self._writer.drain()

    async def until(self, end: bytes) -> bytes:
        """Return what comes, up to ``end``."""
        async with asyncio.timeout(CONNECT_S):
            return await self.reader.readuntil(end)

    async def listen(self) -> None:
        """Read, and forget, what comes, until the other end closes."""
        while await self.reader.read(65_536):
            pass

    def abort(self) -> None:
        """Leave without a goodbye."""
        self._writer.transport.abort()


class Hostile:
    """Connections to one server from one address. ``url``: the server's, ``http://…``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        # the whole of 127/8 is this machine: neighbours of the server are at 127.0.0.1, and this is not
        self.address = f"127.66.0.{next(_addresses)}" if self.host == "127.0.0.1" else None

    @property
    def site(self) -> bytes:
        """The server's name and port."""
        return f"{self.host}:{self.port}".encode()

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """Connect.

        Raises:
            OSError, TimeoutError: the server does not accept.
        """
        # all buffers are small, so that what is not read soon waits at the server
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
        try:
            if self.address is not None:
                connection.bind((self.address, 0))
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().sock_connect(connection, (self.host, self.port))
                reader, writer = await asyncio.open_connection(sock=connection, limit=NARROW_BYTES)
        except BaseException:
            connection.close()
            raise
        line = Line(reader, writer)
        try:
            yield line
        finally:
            line.abort()

    @asynccontextmanager
    async def socket(self, headers: bytes = b"") -> AsyncIterator[Line]:
        """Open ``/ws``."""
        async with self.line() as line:
            await line.send(UPGRADE % (self.site, headers))
            await line.until(b"\r\n\r\n")
            yield line

    @asynccontextmanager
    async def session(self, **fields: Any) -> AsyncIterator[Line]:
        """Open ``/ws`` and a session, with the cheapest face; whether it was let in is not looked at."""
        async with self.socket() as line:
            await line.send(text(type="start", **{"engine": "clapper", "mode": "agent"} | fields))
            with contextlib.suppress(TimeoutError):
                await line.until(b"}")
            yield line


def frame(opcode: Opcode, payload: bytes = b"", fin: bool = True) -> bytes:
    """Return a client's frame."""
    return Frame(opcode, payload, fin).serialize(mask=True, extensions=())


def text(**message: Any) -> bytes:
    """Return a message as a frame."""
    return frame(Opcode.TEXT, json.dumps(message).encode())


def head_of(opcode: Opcode, length: int) -> bytes:
    """Return the beginning of a frame of ``length`` bytes, of which none follow."""
    return struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length) + MASK
