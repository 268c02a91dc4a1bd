"""The conversation with an RTMP server that takes a stream (Adobe's "Real-Time Messaging Protocol", 1.0, section 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from app.media import VIDEO_FPS
from app.rtc.push import PushFailed
from app.rtc.reach import Reach
from app.rtc.rtmp import amf
from app.rtc.rtmp.amf import AmfValue, BadAmf
from app.rtc.rtmp.chunks import Kind, Message
from app.rtc.rtmp.link import Link, lost

TAKE_S = 10  # from the connection until the server takes the stream
COMMANDS, VOICE, PICTURES = 3, 4, 6  # our chunk streams
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
    """One stream on one connection.

    :meth:`open` comes first, :meth:`listen` runs beside the sending, :meth:`aclose` ends it. What waits for a slow
    server, and for how long, is bounded by its :class:`Link`.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stream = 0  # its number on the connection

    @classmethod
    async def open(cls, target: RtmpTarget, size: tuple[int, int], reach: Reach) -> Publisher:
        """Connect, and begin to publish pictures of a size (width, height).

        Raises:
            PushFailed: ``unreachable``, ``output_not_allowed``, ``refused``, ``name_taken``, ``bad_answer``
                or ``connection_lost``.
        """
        publisher = cls(await Link.open(target.host, target.port, target.secure, reach))
        try:
            async with asyncio.timeout(TAKE_S):
                await publisher._begin(target, size)
        except BaseException as error:
            await publisher.aclose()
            if isinstance(error, TimeoutError):
                raise PushFailed("unreachable", f"The server did not take the stream within {TAKE_S} s.") from error
            raise
        return publisher

    async def send_voice(self, payload: bytes, time_ms: int) -> None:
        """Send a message of sound; waits while the server is slow."""
        await self._link.send(Message(Kind.AUDIO, payload, self._stream, time_ms), VOICE)

    async def send_picture(self, payload: bytes, time_ms: int) -> None:
        """Send a message of a picture; waits while the server is slow."""
        await self._link.send(Message(Kind.VIDEO, payload, self._stream, time_ms), PICTURES)

    async def listen(self) -> None:
        """Answer what the server asks, until it ends the stream.

        Raises:
            PushFailed: always, unless it is cancelled.
        """
        while True:
            _check_status(await self._command())

    async def aclose(self) -> None:
        """Say goodbye and close; again is fine."""
        if self._stream:
            # queued behind what waits; a server that takes nothing is left without
            self._say("FCUnpublish", 0, None)
            self._say("deleteStream", 0, None, self._stream)
            self._stream = 0
        await self._link.aclose()

    async def _begin(self, target: RtmpTarget, size: tuple[int, int]) -> None:
        await self._link.shake_hands()
        about: Mapping[str, AmfValue] = {
            "app": target.app,
            "type": "nonprivate",
            "flashVer": "FMLE/3.0 (compatible; Lipwire)",
            "tcUrl": target.address,
        }
        self._say("connect", Transaction.CONNECT, about)
        await self._answer(Transaction.CONNECT)
        self._say("releaseStream", Transaction.RELEASE, None, target.key)
        self._say("FCPublish", Transaction.PREPARE, None, target.key)
        self._say("createStream", Transaction.CREATE, None)
        created = await self._answer(Transaction.CREATE)
        number = created[3] if len(created) > 3 else None
        if not isinstance(number, float) or not 0 < number < 1 << 32:
            raise PushFailed("bad_answer", "The server made no stream that could be published.", refused=True)
        self._stream = int(number)
        self._say("publish", Transaction.PUBLISH, None, target.key, "live", stream=self._stream)
        await self._published()
        about_film = Message(Kind.DATA, amf.encode("@setDataFrame", "onMetaData", _about(size)), self._stream)
        self._link.queue(about_film, VOICE)

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
        """Return the server's next command."""
        while True:
            message = await self._link.next()
            if message.kind == Kind.COMMAND:
                return _command(message)

    def _say(self, name: str, transaction: int, *arguments: AmfValue, stream: int = 0) -> None:
        self._link.queue(Message(Kind.COMMAND, amf.encode(name, transaction, *arguments), stream), COMMANDS)


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
        raise lost()


def _reason(command: list[AmfValue]) -> str:
    said = command[-1]
    if not isinstance(said, Mapping):
        return "it gave no reason"
    words = [str(said[name])[:200] for name in ("code", "description") if said.get(name)]
    return ", ".join(words) or "it gave no reason"
