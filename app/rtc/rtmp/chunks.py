"""RTMP's chunk stream (Adobe's "Real-Time Messaging Protocol", 1.0, section 5): messages to bytes and back.

Nothing here reads or writes a socket.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum

CHUNK_BYTES = 4096  # of a message, in each chunk that we write
FIRST_CHUNK_BYTES = 128  # what both sides begin with
LONGEST_MESSAGE = 64 * 1024  # that a server may send us: commands and controls
MOST_STREAMS = 16  # chunk streams that a server may use
EXTENDED = 0xFFFFFF  # a time that does not fit into three bytes stands behind the header
TIME_MODULUS = 1 << 32


class Kind(IntEnum):
    """What a message is."""

    SET_CHUNK_SIZE = 1
    ABORT = 2
    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW_SIZE = 5
    PEER_BANDWIDTH = 6
    AUDIO = 8
    VIDEO = 9
    DATA = 18
    COMMAND = 20


class BadChunks(ValueError):
    """The other side does not keep to the protocol."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``stream``: 0 for the connection itself. ``time_ms`` of a medium, else 0."""

    kind: int
    payload: bytes
    stream: int = 0
    time_ms: int = 0


def write(message: Message, chunk_stream: int, chunk_bytes: int) -> bytes:
    """Cut a message into chunks; ``chunk_stream`` is 2 to 63."""
    time_ms = message.time_ms % TIME_MODULUS
    is_late = time_ms >= EXTENDED
    extended = struct.pack(">I", time_ms) if is_late else b""
    head = struct.pack(">I", EXTENDED if is_late else time_ms)[1:] + struct.pack(">I", len(message.payload))[1:]
    head += bytes([message.kind]) + struct.pack("<I", message.stream)
    parts = [bytes([chunk_stream]) + head + extended + message.payload[:chunk_bytes]]
    for at in range(chunk_bytes, len(message.payload), chunk_bytes):
        parts.append(bytes([0xC0 | chunk_stream]) + extended + message.payload[at : at + chunk_bytes])
    return b"".join(parts)


@dataclass(slots=True)
class _Stream:
    """What the next chunk of a chunk stream may leave out."""

    kind: int = 0
    stream: int = 0
    length: int = 0
    time_ms: int = 0
    step_ms: int = 0
    is_extended: bool = False
    payload: bytearray = field(default_factory=bytearray)


class ChunkReader:
    """Puts messages together again.

    Bound: what was fed and is no whole chunk yet, and ``LONGEST_MESSAGE`` for each of ``MOST_STREAMS`` chunk streams.
    More: :class:`BadChunks`.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._streams: dict[int, _Stream] = {}
        self._chunk_bytes = FIRST_CHUNK_BYTES

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes; returns the messages that are complete now.

        Raises:
            BadChunks: where they cannot be read; nothing may be fed afterwards.
        """
        self._bytes += data
        messages: list[Message] = []
        while True:
            try:
                message, length = self._chunk()
            except (IndexError, struct.error):  # it is not all there
                return messages
            del self._bytes[:length]
            if message is not None:
                self._obey(message)
                messages.append(message)

    def _chunk(self) -> tuple[Message | None, int]:
        """Read one chunk; raises IndexError or struct.error, and changes nothing, where it is not all there."""
        data = self._bytes
        form, number, at = data[0] >> 6, data[0] & 0x3F, 1
        if number < 2:  # longer numbers stand behind the first byte
            number = 64 + (data[1] if number == 0 else data[1] + 256 * data[2])
            at = 2 if data[0] & 0x3F == 0 else 3
        old = self._streams.get(number) or _Stream()
        if form == 3 and number not in self._streams:
            raise BadChunks("a chunk refers to one that was not sent")
        head, at = self._head(form, at, old)
        (time_ms,) = struct.unpack_from(">I", data, at) if head.is_extended else (head.step_ms,)
        at += 4 * head.is_extended
        size = min(self._chunk_bytes, head.length - len(old.payload))
        if len(data) < at + size:
            raise IndexError
        if not old.payload:
            head.step_ms = time_ms
            head.time_ms = time_ms if form == 0 else (old.time_ms + time_ms) % TIME_MODULUS
        else:
            head.time_ms = old.time_ms
        head.payload = old.payload + data[at : at + size]
        self._streams[number] = head
        if len(self._streams) > MOST_STREAMS:
            raise BadChunks("too many chunk streams")
        if len(head.payload) < head.length:
            return None, at + size
        whole, head.payload = bytes(head.payload), bytearray()
        return Message(head.kind, whole, head.stream, head.time_ms), at + size

    def _head(self, form: int, at: int, old: _Stream) -> tuple[_Stream, int]:
        data = self._bytes
        new = _Stream(old.kind, old.stream, old.length, old.time_ms, old.step_ms, old.is_extended)
        if form < 3:
            if old.payload:
                raise BadChunks("a message begins before the last one ended")
            (new.step_ms,) = struct.unpack(">I", b"\0" + bytes(data[at : at + 3]))
            new.is_extended, at = new.step_ms == EXTENDED, at + 3
        if form < 2:
            (new.length,) = struct.unpack(">I", b"\0" + bytes(data[at : at + 3]))
            new.kind, at = data[at + 3], at + 4
            if new.length > LONGEST_MESSAGE:
                raise BadChunks(f"a message of {new.length} bytes is too long")
        if form < 1:
            (new.stream,) = struct.unpack_from("<I", data, at)
            at += 4
        return new, at

    def _obey(self, message: Message) -> None:
        if message.kind == Kind.SET_CHUNK_SIZE:
            if len(message.payload) < 4:
                raise BadChunks("a chunk size is missing")
            (size,) = struct.unpack_from(">I", message.payload)
            if not 1 <= size < 1 << 31:
                raise BadChunks("a chunk size is out of range")
            self._chunk_bytes = size
        elif message.kind == Kind.ABORT and len(message.payload) >= 4:
            (number,) = struct.unpack_from(">I", message.payload)
            if number in self._streams:
                self._streams[number].payload = bytearray()
