"""Somebody who watches over WHEP, and somebody who feeds what is watched; both as cheap as can be."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpx
import soundfile
from websockets.asyncio.client import connect

from app.assets import SAMPLE
from app.clock import Clock
from app.media import NS_PER_MS
from bench.receiver import Receiver

CONNECT_S = 30
LOOK_NS = 5 * NS_PER_MS


@dataclass(frozen=True, slots=True)
class First:
    """How long a viewer waited for its first whole picture, in ms, and whether that was a key frame."""

    from_asking_ms: float
    from_answer_ms: float
    from_connection_ms: float
    key_frame: bool


class WhepGuest:
    """``watch``, wait, ``leave``."""

    def __init__(self, http: httpx.AsyncClient, clock: Clock) -> None:
        self.receiver = Receiver()
        self._http, self._clock = http, clock
        self._path = ""

    async def watch(self, whep: str, token: str) -> First:
        """Connect, and wait for a picture."""
        offer = await self.receiver.offer()
        asked_ns = self._clock.now_ns()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/sdp"}
        answer = await self._http.post(whep, content=offer, headers=headers)
        answer.raise_for_status()
        answered_ns = self._clock.now_ns()
        self._path = urljoin(str(answer.url), answer.headers["location"])  # a front sends viewers to a stage
        await self.receiver.accept(answer.text)
        async with asyncio.timeout(CONNECT_S):
            await self.receiver.connected.wait()
            connected_ns = self._clock.now_ns()
            while len(self.receiver.pictures) < 2:  # the first is whole then
                await self._clock.sleep_until(self._clock.now_ns() + LOOK_NS)
        first = self.receiver.pictures[0]

        def after_ms(since_ns: int) -> float:
            return max(0.0, (first.arrived_ns - since_ns) / NS_PER_MS)

        return First(after_ms(asked_ns), after_ms(answered_ns), after_ms(connected_ns), first.key_frame)

    async def leave(self) -> None:
        """Say goodbye."""
        await self._http.delete(self._path)
        await self.receiver.aclose()


async def feed(ws_url: str, made: dict[str, Any], seconds: float) -> None:
    """Send so many seconds of speech, as fast as they are taken; they play while this waits to be cancelled."""
    pcm, rate = soundfile.read(SAMPLE, dtype="int16")
    async with connect(ws_url, compression=None, max_size=None) as socket:
        attach = {"type": "attach", "session": made["id"], "token": made["feed"]["token"], "sample_rate": rate}
        await socket.send(json.dumps(attach))
        for _ in range(int(seconds * rate / len(pcm)) + 1):
            await socket.send(pcm.tobytes())
        async for _ in socket:
            pass
