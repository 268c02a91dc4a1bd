"""An RTMP server for tests: takes what is published, or behaves as badly as a test asks."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from app.rtc.rtmp import amf
from app.rtc.rtmp.amf import AmfValue
from app.rtc.rtmp.chunks import ChunkReader, Kind, Message, write
from app.rtc.rtmp.link import HANDSHAKE_BYTES
from app.rtc.rtmp.publisher import RtmpTarget

STREAM = 1
STARTED: AmfValue = {"level": "status", "code": "NetStream.Publish.Start"}


@dataclass(frozen=True)
class Manners:
    """How a server behaves. ``reads``: what comes after ``publish``. ``says``: messages right after that."""

    version: int = 3
    connects: bool = True
    makes: AmfValue = float(STREAM)
    publishes: AmfValue = None
    reads: bool = True
    says: Sequence[Message] = ()


class Station:
    """``async with`` it; ``messages`` is what came, ``commands`` the commands of it."""

    def __init__(self, manners: Manners | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.manners = manners or Manners()
        self.messages: list[Message] = []
        self.connections = 0
        self.hung_up = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Station:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=4096, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.hang_up()
        await self._server.wait_closed()

    @property
    def target(self) -> RtmpTarget:
        return RtmpTarget("127.0.0.1", self._server.sockets[0].getsockname()[1], self._tls is not None, "live", "key")

    @property
    def commands(self) -> list[list[AmfValue]]:
        return [amf.decode(each.payload) for each in self.messages if each.kind == Kind.COMMAND]

    def of(self, kind: Kind) -> list[Message]:
        return [each for each in self.messages if each.kind == kind]

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def say(self, *messages: Message) -> None:
        for message in messages:
            self._writers[-1].write(write(message, 3, 128))

    async def has(self, count: int, kind: Kind) -> list[Message]:
        async with asyncio.timeout(10):
            while len(self.of(kind)) < count:
                await asyncio.sleep(0.005)
        return self.of(kind)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            await reader.readexactly(1 + HANDSHAKE_BYTES)
            writer.write(bytes([self.manners.version]) + bytes(2 * HANDSHAKE_BYTES))
            await reader.readexactly(HANDSHAKE_BYTES)
            chunks = ChunkReader()
            while data := await reader.read(4096):
                for message in chunks.feed(data):
                    self.messages.append(message)
                    if message.kind == Kind.COMMAND:
                        self._answer(amf.decode(message.payload))
                if not self.manners.reads and any(each[0] == "publish" for each in self.commands):
                    reader._transport.pause_reading()  # type: ignore[attr-defined]
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.hung_up.set()

    def _answer(self, command: list[AmfValue]) -> None:
        manners = self.manners
        if command[0] == "connect":
            answer = "_result" if manners.connects else "_error"
            about: AmfValue = {"level": "status", "code": "NetConnection.Connect.X", "description": "so be it"}
            self.say(Message(Kind.WINDOW_SIZE, struct.pack(">I", 50)))
            self.say(Message(Kind.COMMAND, amf.encode(answer, command[1], None, about)))
        elif command[0] == "createStream":
            self.say(Message(Kind.COMMAND, amf.encode("_result", command[1], None, manners.makes)))
        elif command[0] == "publish":
            self.say(Message(Kind.COMMAND, amf.encode("onStatus", 0, None, manners.publishes or STARTED), STREAM))
            self.say(*manners.says)
