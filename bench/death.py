"""A stage is killed under a client that feeds and a viewer that watches: how long until the face is back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Any

import httpx
import lipwire
from websockets.exceptions import WebSocketException

from app.clock import Clock
from app.media import NS_PER_S
from bench.fed_guest import FedGuest
from bench.figures import Span, figures_of
from bench.guest import Wish
from bench.listeners import listener
from bench.tone import Tone
from bench.whep_guest import WhepGuest

RATE = 48_000
WITHIN_S, LOOK_S, BEFORE_S, BEHIND_S = 30.0, 0.1, 3.0, 4.0
NEIGHBOUR_TRIES = 6
GONE = (httpx.HTTPError, OSError, TimeoutError, WebSocketException, AssertionError)


async def killed(http: httpx.AsyncClient, site: str, avatar: str, engine: str, clock: Clock) -> dict[str, Any]:
    """Kill the stage of a client's session, with a neighbour on another; return what both saw, times in s."""
    async with lipwire.connect(site, engine=engine, avatar=avatar, mode="agent") as face:
        stage = await _stage_of(http, site, face)
        neighbour = await _neighbour(http, site, stage, Wish(engine=engine, avatar=avatar), clock)
        watcher = WhepGuest(http, clock)
        await watcher.watch(face.whep_url, face.view_token or "")
        feeding = asyncio.create_task(_feed(face))
        try:
            await asyncio.sleep(BEFORE_S)
            os.kill(listener(stage), signal.SIGKILL)
            killed_ns = clock.now_ns()
            back_s = await _back(http, site, face, killed_ns, clock)
            fed_s = await _fed(face, killed_ns, clock)
            await asyncio.sleep(BEHIND_S)
            span = Span(killed_ns - int(BEFORE_S * NS_PER_S), clock.now_ns())
        finally:
            feeding.cancel()
            fed = (await asyncio.gather(feeding, return_exceptions=True))[0]
            await watcher.receiver.aclose()
            if neighbour is not None:
                await neighbour.leave()
    seen = figures_of(neighbour.record, span) if neighbour is not None else None
    return {
        "picture_back_s": back_s,
        "feeding_again_s": fed_s,
        "feeder_error": None if isinstance(fed, asyncio.CancelledError) else repr(fed),
        "neighbour_holes": None if seen is None else seen.holes,
        "neighbour_error": None if seen is None else seen.error,
    }


async def _stage_of(http: httpx.AsyncClient, site: str, face: lipwire.Face) -> str:
    """Return the address behind a reference: where the front sends who asks for it."""
    answer = await http.get(f"{site}/api/sessions/{face.id}", headers={"authorization": f"Bearer {face.feed_token}"})
    return str(answer.url)


async def _neighbour(http: httpx.AsyncClient, site: str, stage: str, wish: Wish, clock: Clock) -> FedGuest | None:
    """Return a session that lives on another stage; None where none came to lie there."""
    for _ in range(NEIGHBOUR_TRIES):
        guest = FedGuest(http, site, wish, clock)
        if await guest.join() and listener(guest.stage) != listener(stage):
            return guest
        await guest.leave()
    return None


async def _feed(face: lipwire.Face) -> None:
    """Say a tone, a second at a time, as long as anybody wants it."""
    tone = Tone()
    second = 0
    while True:
        async with face.utterance(sample_rate=RATE) as utterance:
            await utterance.send(tone.samples(second * RATE, RATE).tobytes())
        await utterance.played()
        second += 1


async def _back(http: httpx.AsyncClient, site: str, face: lipwire.Face, since_ns: int, clock: Clock) -> float | None:
    """Return when a viewer who tries again and again at the front sees a picture."""
    while (after_s := (clock.now_ns() - since_ns) / NS_PER_S) < WITHIN_S:
        watcher = WhepGuest(http, clock)
        with contextlib.suppress(*GONE):
            await watcher.watch(f"{site}/whep/{face.id}", face.view_token or "")
            after_s = (clock.now_ns() - since_ns) / NS_PER_S
            await watcher.leave()
            return round(after_s, 2)
        await watcher.receiver.aclose()
        await asyncio.sleep(LOOK_S)
    return None


async def _fed(face: lipwire.Face, since_ns: int, clock: Clock) -> float | None:
    """Return when the client is connected again, as far as can be seen from now on."""
    while (after_s := (clock.now_ns() - since_ns) / NS_PER_S) < WITHIN_S:
        if face.connected:
            return round(after_s, 2)
        await asyncio.sleep(LOOK_S)
    return None
