"""One connection to an RTMP server: the handshake, messages out and in, and what the protocol itself asks for."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from collections import deque

from app.rtc.checked_connect import Forbidden, not_allowed, open_checked
from app.rtc.push import PushFailed
from app.rtc.reach import Reach
from app.rtc.rtmp.chunks import CHUNK_BYTES, FIRST_CHUNK_BYTES, BadChunks, ChunkReader, Kind, Message, write

CONNECT_S = 10
STALLED_S = 10  # that a server may take nothing
LEAVE_S = 1  # for the goodbye
SOCKET_BYTES = 128 * 1024  # that the kernel keeps for a slow server; it doubles them
WAITING_BYTES = 64 * 1024  # of our own, above which we wait; a key picture is about as much
READ_BYTES = 4096
HANDSHAKE_BYTES = 1536
VERSION = 3
CONTROL = 2  # the chunk stream of control messages
WINDOW_BYTES = 2_500_000
PING, PONG = 6, 7  # events of USER_CONTROL


class Link:
    """Messages to a server, and its answers.

    What it holds for a slow server: ``WAITING_BYTES`` and one message here, twice ``SOCKET_BYTES`` in the kernel; full,
    :meth:`send` waits, for ``STALLED_S`` at the most. Of what came in: one read, and what ``ChunkReader`` holds.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._chunks, self._chunk_bytes = ChunkReader(), FIRST_CHUNK_BYTES
        self._received, self._acknowledged, self._window = 0, 0, WINDOW_BYTES
        self._pending: deque[Message] = deque()
        self._stalled = False  # there is nothing to wait for any more

    @classmethod
    async def open(cls, host: str, port: int, secure: bool, reach: Reach) -> Link:
        """Connect; the handshake comes next.

        Raises:
            PushFailed: ``unreachable`` or ``output_not_allowed``.
        """
        context = ssl.create_default_context() if secure else None
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await open_checked(host, port, context, reach)
        except Forbidden as error:
            raise not_allowed() from error
        except (OSError, TimeoutError, UnicodeError) as error:  # ssl.SSLError is an OSError
            raise PushFailed("unreachable", f"The server cannot be reached: {error or 'no answer'}.") from error
        _bound(writer)
        return cls(reader, writer)

    async def shake_hands(self) -> None:
        """Begin to speak RTMP.

        Raises:
            PushFailed: ``bad_answer`` or ``connection_lost``.
        """
        self._writer.write(bytes([VERSION]) + bytes(8) + os.urandom(HANDSHAKE_BYTES - 8))
        try:
            version = await self._reader.readexactly(1)
            if version[0] != VERSION:
                raise PushFailed("bad_answer", "This server does not speak RTMP.", refused=True)
            theirs = await self._reader.readexactly(HANDSHAKE_BYTES)
            self._writer.write(theirs)
            await self._reader.readexactly(HANDSHAKE_BYTES)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise lost() from error
        self.queue(Message(Kind.SET_CHUNK_SIZE, struct.pack(">I", CHUNK_BYTES)), CONTROL)
        self._chunk_bytes = CHUNK_BYTES

    def queue(self, message: Message, chunk_stream: int) -> None:
        """Send a small message without waiting."""
        self._writer.write(write(message, chunk_stream, self._chunk_bytes))

    async def send(self, message: Message, chunk_stream: int) -> None:
        """Send a message; waits while the server is slow.

        Raises:
            PushFailed: ``connection_lost``.
        """
        self.queue(message, chunk_stream)
        try:
            async with asyncio.timeout(STALLED_S):
                await self._writer.drain()
        except OSError as error:  # a TimeoutError is one
            self._stalled = True
            raise lost(self._reader.exception() or error) from error  # the reader knows what the kernel said

    async def next(self) -> Message:
        """Return the server's next message, having done what those of the protocol itself ask for.

        Raises:
            PushFailed: ``connection_lost`` or ``bad_answer``.
        """
        while not self._pending:
            await self._read()
        return self._pending.popleft()

    async def aclose(self) -> None:
        """Close, after what is queued where the server takes it; again is fine."""
        if self._stalled:
            self._writer.transport.abort()
        self._writer.close()
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._writer.wait_closed()
        except OSError:
            self._writer.transport.abort()

    async def _read(self) -> None:
        try:
            data = await self._reader.read(READ_BYTES)
        except OSError as error:
            raise lost(error) from error
        if not data:
            raise lost()
        self._received += len(data)
        try:
            messages = self._chunks.feed(data)
        except BadChunks as error:
            raise PushFailed("bad_answer", f"The server's answer cannot be read: {error}.", refused=True) from error
        for message in messages:
            self._obey(message)
        self._pending += messages
        if self._received - self._acknowledged >= self._window:
            self._acknowledged = self._received
            self._reply(Kind.ACKNOWLEDGEMENT, struct.pack(">I", self._received % (1 << 32)))

    def _obey(self, message: Message) -> None:
        if message.kind == Kind.WINDOW_SIZE and len(message.payload) == 4:
            self._window = max(1, *struct.unpack(">I", message.payload))
        elif message.kind == Kind.PEER_BANDWIDTH:
            self._reply(Kind.WINDOW_SIZE, struct.pack(">I", WINDOW_BYTES))
        elif message.kind == Kind.USER_CONTROL and message.payload[:2] == struct.pack(">H", PING):
            self._reply(Kind.USER_CONTROL, struct.pack(">H", PONG) + message.payload[2:6])

    def _reply(self, kind: Kind, payload: bytes) -> None:
        """Answer a control message; a server that asks without reading the answers gets none."""
        if self._writer.transport.get_write_buffer_size() < WAITING_BYTES:
            self.queue(Message(kind, payload), CONTROL)


def _bound(writer: asyncio.StreamWriter) -> None:
    """Let little wait in front of a slow server, and let the kernel give up one that is gone."""
    writer.transport.set_write_buffer_limits(high=WAITING_BYTES)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED_S * 1000))


def lost(error: Exception | None = None) -> PushFailed:
    """Say how a connection ended."""
    if isinstance(error, TimeoutError):
        return PushFailed("connection_lost", f"The server took nothing for {STALLED_S} s.")
    return PushFailed("connection_lost", "The server closed the connection.")
