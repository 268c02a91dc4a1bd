"""One whole session made over HTTP: a microphone that attaches where the answer says, and a viewer over WHEP.

So it is the same from outside, whether the server stands alone or a front has placed the session on a stage.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app.clock import Clock
from app.media import NS_PER_MS, SAMPLE_RATE
from bench.guest import Record, Wish
from bench.microphone import Microphone
from bench.whep_guest import WhepGuest

ANSWER_TIMEOUT_S = 30


class FedGuest:
    """``join``, wait, ``leave``; what was seen is in ``record``. ``stage`` is the address that was fed."""

    def __init__(self, http: httpx.AsyncClient, site: str, wish: Wish, clock: Clock) -> None:
        """``http`` follows redirects; ``site`` is the address of the server or the front."""
        self.record = Record(wish)
        self.placed_ms = 0.0
        self.made: dict[str, Any] = {}
        self._http, self._site, self._clock = http, site, clock
        self._viewer = WhepGuest(http, clock)
        self._microphone = Microphone(wish.tone, wish.jitter_ms, wish.seed, clock)
        self._socket: ClientConnection | None = None
        self._listening: asyncio.Task[None] | None = None
        self._started = asyncio.Event()
        self._leaving = False

    @property
    def stage(self) -> str:
        """Where its voice goes."""
        return str(self.made["feed"]["url"])

    async def join(self) -> bool:
        """Make the session, watch it, and speak; returns whether there was a place."""
        wish, record = self.record.wish, self.record
        asked_ns = self._clock.now_ns()
        body = {"engine": wish.engine, "avatar": wish.avatar, "mode": "live"}
        answer = await self._http.post(f"{self._site}/api/sessions", json=body)
        self.placed_ms = (self._clock.now_ns() - asked_ns) / NS_PER_MS
        if answer.status_code != 201:
            record.refused = str(answer.json().get("code", answer.status_code))
            return False
        self.made = answer.json()
        await self._viewer.watch(self.made["view"]["whep"], self.made["view"]["token"])
        record.voice, record.pictures = self._viewer.receiver.voice, self._viewer.receiver.pictures
        record.sent = self._microphone.sent
        self._socket = await connect(self.stage, compression=None, max_size=None, ping_interval=None)
        self._listening = asyncio.create_task(self._listen(self._socket))
        attach = {"type": "attach", "session": self.made["id"], "token": self.made["feed"]["token"]}
        await self._socket.send(json.dumps(attach | {"sample_rate": SAMPLE_RATE, "channels": 1}))
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await self._started.wait()
        if wish.speaks and record.error is None:
            self._microphone.start(self._socket.transport, wish.phase_ns)
        return record.error is None

    async def round_trip_ms(self) -> float:
        """Return how long a ping on the voice's own socket takes."""
        assert self._socket is not None
        asked_ns = self._clock.now_ns()
        await (await self._socket.ping())
        return (self._clock.now_ns() - asked_ns) / NS_PER_MS

    async def leave(self) -> None:
        """End the session; what was noted stays."""
        self._leaving = True
        self._microphone.stop()
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(json.dumps({"type": "stop"}))
            await self._socket.close()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
        self.record.lost_packets = self._viewer.receiver.lost_packets
        if self.made:
            with contextlib.suppress(httpx.HTTPError):
                await self._viewer.leave()
                await self._http.delete(f"{self._site}/api/sessions/{self.made['id']}")

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "stats":
                    self.record.stats.append((self._clock.now_ns(), message))
                elif message["type"] == "error":
                    self.record.error = message["code"]
                elif message["type"] == "started":
                    self.record.started = message
                    self._started.set()
        finally:
            if not self._leaving:
                self.record.error = self.record.error or "closed"
            self._started.set()
