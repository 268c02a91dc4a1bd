"""The conversation with an RTMP server that takes a stream (Adobe's "Real-Time Messaging Protocol", 1.0)."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from app.media import VIDEO_FPS
from app.rtc.push import PushFailed
from app.rtc.rtmp import amf
from app.rtc.rtmp.amf import AmfValue, BadAmf
from app.rtc.rtmp.chunks import CHUNK_BYTES, FIRST_CHUNK_BYTES, BadChunks, ChunkReader, Kind, Message, write

CONNECT_S = 10  # for each step until the server takes the stream
STALLED_S = 10  # that a server may take nothing
LEAVE_S = 1  # for the goodbye
SOCKET_BYTES = 128 * 1024  # that the kernel keeps for a slow server; it doubles them
WAITING_BYTES = 64 * 1024  # of our own, above which we wait; a key picture is about as much
READ_BYTES = 4096
HANDSHAKE_BYTES = 1536
VERSION = 3
CONTROL, COMMANDS, VOICE, PICTURES = 2, 3, 4, 6  # our chunk streams
WINDOW_BYTES = 2_500_000
PING, PONG = 6, 7  # events of USER_CONTROL
AVC_ID, AAC_ID = 7, 10  # FLV's
TAKEN = "NetStream.Publish.BadName"  # somebody sends that stream already: ourselves, perhaps, before a connection broke


class Transaction(IntEnum):
    """Numbers by which answers are told apart."""

    CONNECT = 1
    RELEASE = 2
    PREPARE = 3
    CREATE = 4
    PUBLISH = 5


@dataclass(frozen=True, slots=True)
class RtmpTarget:
    """Where a stream goes: ``key`` names it on the server and is a secret."""

    host: str
    port: int
    secure: bool
    app: str
    key: str

    @property
    def address(self) -> str:
        """The server's part, as the server is told it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rtmps' if self.secure else 'rtmp'}://{host}:{self.port}/{self.app}"


class Publisher:
    """One connection that publishes one stream.

    :meth:`open` comes first, :meth:`listen` runs beside the sending, :meth:`aclose` ends it. What it holds for a slow
    server: ``WAITING_BYTES`` and one message here, twice ``SOCKET_BYTES`` in the kernel; full, :meth:`send_voice` and
    :meth:`send_picture` wait, for ``STALLED_S`` at the most.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._chunks, self._chunk_bytes = ChunkReader(), FIRST_CHUNK_BYTES
        self._received, self._acknowledged, self._window = 0, 0, WINDOW_BYTES
        self._pending: deque[Message] = deque()  # of one read
        self._stream = 0

    @classmethod
    async def open(cls, target: RtmpTarget, size: tuple[int, int]) -> Publisher:
        """Connect, and begin to publish pictures of a size (width, height).

        Raises:
            PushFailed: ``unreachable``, ``refused``, ``name_taken`` or ``connection_lost``.
        """
        context = ssl.create_default_context() if target.secure else None
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
        except (OSError, TimeoutError, UnicodeError) as error:  # ssl.SSLError is an OSError
            raise PushFailed("unreachable", f"The server cannot be reached: {error or 'no answer'}.") from error
        _bound(writer)
        publisher = cls(reader, writer)
        try:
            async with asyncio.timeout(CONNECT_S):
                await publisher._begin(target, size)
        except BaseException as error:
            await publisher.aclose()
            if isinstance(error, TimeoutError):
                raise PushFailed("unreachable", f"The server did not take the stream within {CONNECT_S} s.") from error
            raise
        return publisher

    async def send_voice(self, payload: bytes, time_ms: int) -> None:
        """Send a message of sound; waits while the server is slow."""
        await self._send(Message(Kind.AUDIO, payload, self._stream, time_ms), VOICE)

    async def send_picture(self, payload: bytes, time_ms: int) -> None:
        """Send a message of a picture; waits while the server is slow."""
        await self._send(Message(Kind.VIDEO, payload, self._stream, time_ms), PICTURES)

    async def listen(self) -> None:
        """Answer what the server asks, until it ends the stream.

        Raises:
            PushFailed: always, unless it is cancelled.
        """
        while True:
            _check_status(await self._command())

    async def aclose(self) -> None:
        """Say goodbye and close; again is fine."""
        if self._stream and not self._writer.is_closing():
            # queued behind what waits; a server that takes nothing is left without
            self._queue_command("FCUnpublish", 0, None)
            self._queue_command("deleteStream", 0, None, self._stream)
            self._stream = 0
        self._writer.close()
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    async def _begin(self, target: RtmpTarget, size: tuple[int, int]) -> None:
        await self._shake_hands()
        self._queue(Message(Kind.SET_CHUNK_SIZE, struct.pack(">I", CHUNK_BYTES)), CONTROL)
        self._chunk_bytes = CHUNK_BYTES
        about: Mapping[str, AmfValue] = {
            "app": target.app,
            "type": "nonprivate",
            "flashVer": "FMLE/3.0 (compatible; Lipwire)",
            "tcUrl": target.address,
        }
        self._queue_command("connect", Transaction.CONNECT, about)
        await self._answer(Transaction.CONNECT)
        self._queue_command("releaseStream", Transaction.RELEASE, None, target.key)
        self._queue_command("FCPublish", Transaction.PREPARE, None, target.key)
        self._queue_command("createStream", Transaction.CREATE, None)
        created = await self._answer(Transaction.CREATE)
        number = created[3] if len(created) > 3 else None
        if not isinstance(number, float) or not 0 < number < 1 << 32:
            raise PushFailed("bad_answer", "The server made no stream that could be published.", refused=True)
        self._stream = int(number)
        self._queue_command("publish", Transaction.PUBLISH, None, target.key, "live", stream=self._stream)
        await self._published()
        self._queue(Message(Kind.DATA, amf.encode("@setDataFrame", "onMetaData", _about(size)), self._stream), VOICE)

    async def _shake_hands(self) -> None:
        self._writer.write(bytes([VERSION]) + bytes(8) + os.urandom(HANDSHAKE_BYTES - 8))
        try:
            version = await self._reader.readexactly(1)
            if version[0] != VERSION:
                raise PushFailed("bad_answer", "This server does not speak RTMP.", refused=True)
            theirs = await self._reader.readexactly(HANDSHAKE_BYTES)
            self._writer.write(theirs)
            await self._reader.readexactly(HANDSHAKE_BYTES)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise _lost() from error

    async def _answer(self, transaction: Transaction) -> list[AmfValue]:
        while True:
            command = await self._command()
            if command[:2] == ["_result", float(transaction)]:
                return command
            if command[:2] == ["_error", float(transaction)]:
                raise PushFailed("refused", f"The server refused: {_reason(command)}.", refused=True)
            _check_status(command)

    async def _published(self) -> None:
        command: list[AmfValue] = [None]
        while command[0] != "onStatus":
            command = await self._command()
            _check_status(command)

    async def _command(self) -> list[AmfValue]:
        """Return the server's next command, and obey what comes before it."""
        while True:
            while not self._pending:
                self._pending += await self._received_messages()
            message = self._pending.popleft()
            if message.kind == Kind.COMMAND:
                return _command(message)

    async def _received_messages(self) -> list[Message]:
        try:
            data = await self._reader.read(READ_BYTES)
        except OSError as error:
            raise _lost(error) from error
        if not data:
            raise _lost()
        self._received += len(data)
        try:
            messages = self._chunks.feed(data)
        except BadChunks as error:
            raise PushFailed("bad_answer", f"The server's answer cannot be read: {error}.", refused=True) from error
        for message in messages:
            self._obey(message)
        if self._received - self._acknowledged >= self._window:
            self._acknowledged = self._received
            self._reply(Kind.ACKNOWLEDGEMENT, struct.pack(">I", self._received % (1 << 32)))
        return messages

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
            self._queue(Message(kind, payload), CONTROL)

    async def _send(self, message: Message, chunk_stream: int) -> None:
        self._queue(message, chunk_stream)
        try:
            async with asyncio.timeout(STALLED_S):
                await self._writer.drain()
        except OSError as error:  # a TimeoutError is one; the kernel raises it too
            self._writer.transport.abort()
            raise _lost(error) from error

    def _queue(self, message: Message, chunk_stream: int) -> None:
        self._writer.write(write(message, chunk_stream, self._chunk_bytes))

    def _queue_command(self, name: str, transaction: int, *arguments: AmfValue, stream: int = 0) -> None:
        self._queue(Message(Kind.COMMAND, amf.encode(name, transaction, *arguments), stream), COMMANDS)


def _bound(writer: asyncio.StreamWriter) -> None:
    """Let little wait in front of a slow server, and let the kernel give up one that is gone."""
    writer.transport.set_write_buffer_limits(high=WAITING_BYTES)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED_S * 1000))


def _about(size: tuple[int, int]) -> Mapping[str, AmfValue]:
    width, height = size
    return {"width": width, "height": height, "framerate": VIDEO_FPS, "videocodecid": AVC_ID, "audiocodecid": AAC_ID}


def _command(message: Message) -> list[AmfValue]:
    try:
        values = amf.decode(message.payload)
    except BadAmf as error:
        raise PushFailed("bad_answer", f"The server's answer cannot be read: {error}.", refused=True) from error
    return values or [None]


def _check_status(command: list[AmfValue]) -> None:
    """Raise where a server says that it does not take the stream (any more)."""
    said = command[-1]
    if command[0] == "onStatus" and isinstance(said, Mapping) and said.get("level") == "error":
        if said.get("code") == TAKEN:
            raise PushFailed("name_taken", "Somebody sends this stream already; the server may let go of it soon.")
        raise PushFailed("refused", f"The server refused: {_reason(command)}.", refused=True)
    if command[0] == "close":
        raise _lost()


def _reason(command: list[AmfValue]) -> str:
    said = command[-1]
    if not isinstance(said, Mapping):
        return "it gave no reason"
    words = [str(said[name])[:200] for name in ("code", "description") if said.get(name)]
    return ", ".join(words) or "it gave no reason"


def _lost(error: OSError | None = None) -> PushFailed:
    if isinstance(error, TimeoutError):
        return PushFailed("connection_lost", f"The server took nothing for {STALLED_S} s.")
    return PushFailed("connection_lost", "The server closed the connection.")
