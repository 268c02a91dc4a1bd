"""One whole session from outside: a microphone at its pace, a socket, and a viewer that notes what comes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app.clock import Clock
from app.media import NS_PER_MS, NS_PER_S, SAMPLE_RATE
from bench.microphone import CHUNK_NS, CYCLE_CHUNKS, Microphone, SentChunk
from bench.receiver import Picture, Receiver, VoicePacket
from bench.tone import Tone

ANSWER_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Wish:
    """What a guest asks for. ``phase_ns``: how late its microphone begins, so that not all chunks come at once."""

    engine: str = "portrait"
    avatar: str = "default"
    jitter_ms: float = 0.0
    tone: Tone = field(default_factory=Tone)
    phase_ns: int = 0
    seed: int = 0
    speaks: bool = True

    @classmethod
    def random(cls, dice: random.Random, **fields: Any) -> Wish:
        """Make a wish whose tones and chunks begin at any time."""
        tone = Tone(dice.randrange(CYCLE_CHUNKS))
        return cls(tone=tone, phase_ns=dice.randrange(CHUNK_NS), seed=dice.randrange(1 << 30), **fields)


@dataclass(slots=True)
class Record:
    """All that a session's outside showed."""

    wish: Wish
    refused: str | None = None
    error: str | None = None  # what ended it
    started: dict[str, Any] = field(default_factory=dict)
    sent: list[SentChunk] = field(default_factory=list)
    voice: list[VoicePacket] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    lost_packets: int = 0
    stats: list[tuple[int, dict[str, Any]]] = field(default_factory=list)  # (arrival in ns, message)


class Guest:
    """``join``, wait, ``leave``; what was seen is in ``record``."""

    def __init__(self, ws_url: str, wish: Wish, clock: Clock, receiver: Receiver | None = None) -> None:
        self.record = Record(wish)
        self._url, self._clock = ws_url, clock
        self._receiver = receiver or Receiver()
        self._microphone = Microphone(wish.tone, wish.jitter_ms, wish.seed, clock)
        self._answers = asyncio.Queue[dict[str, Any]]()
        self._listening: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None
        self._leaving = False

    async def join(self) -> bool:
        """Open the session and speak; returns whether it was admitted and connected."""
        try:
            return await self._join()
        except (TimeoutError, OSError, ConnectionClosed) as error:
            self.record.error = self.record.error or type(error).__name__
            return False

    async def _join(self) -> bool:
        wish, record = self.record.wish, self.record
        record.voice, record.pictures = self._receiver.voice, self._receiver.pictures
        record.sent = self._microphone.sent
        self._socket = await connect(self._url, compression=None, max_size=None, ping_interval=None)
        self._listening = asyncio.create_task(self._listen(self._socket))
        await self._say(
            type="start", engine=wish.engine, avatar=wish.avatar, mode="live", sample_rate=SAMPLE_RATE, channels=1
        )
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            answer = await self._answers.get()
            if answer["type"] != "started":
                record.refused = answer.get("code", "closed")
                return False
            record.started = answer
            await self._say(type="offer", sdp=await self._receiver.offer())
            answer = await self._answers.get()
            if answer["type"] != "answer":  # a place was kept until now, and there is no time for another picture
                record.refused = answer.get("code", "closed")
                return False
            await self._receiver.accept(answer["sdp"])
            await self._receiver.connected.wait()
        if wish.speaks:
            self._microphone.start(self._socket.transport, wish.phase_ns)
        return True

    async def leave(self) -> None:
        """End the session; what was noted stays."""
        self._leaving = True
        self._microphone.stop()
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._say(type="stop")
            await self._socket.close()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
        self.record.lost_packets = self._receiver.lost_packets
        await self._receiver.aclose()

    async def vanish(self) -> None:
        """End as a process that is killed does: nothing is said to anybody, and all sockets are gone."""
        self._leaving = True
        self._microphone.stop()
        self._receiver.vanish()
        if self._socket is not None:
            self._socket.transport.abort()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._receiver.aclose()

    async def _say(self, **message: Any) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps(message))

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "stats":
                    self.record.stats.append((self._clock.now_ns(), message))
                elif message["type"] in ("started", "answer", "error"):
                    if message["type"] == "error":
                        self.record.error = message["code"]
                    self._answers.put_nowait(message)
        finally:
            if not self._leaving:
                self.record.error = self.record.error or "closed"
            self._answers.put_nowait({"type": "closed"})


async def all_heard(records: list[Record], clock: Clock, timeout_s: float = 20) -> None:
    """Wait until each admitted session's voice has begun."""
    deadline_ns = clock.now_ns() + int(timeout_s * NS_PER_S)
    while any(not record.voice for record in records if record.error is None) and clock.now_ns() < deadline_ns:
        await clock.sleep_until(clock.now_ns() + 20 * NS_PER_MS)
