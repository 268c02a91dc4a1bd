from __future__ import annotations

import asyncio

import httpx
import pytest

from app.clock import MonotonicClock
from bench.cluster import percentile_fine, verdict
from bench.fed_guest import FedGuest
from bench.guest import Wish, all_heard
from tests.server import Server


def row(side: str, what: str, ping: float | None, cores: float) -> dict[str, object]:
    return {"side": side, "what": what, "ping_p50_ms": ping, "delay_p50_ms": 100.0, "cores_a_session": cores}


def test_ratios_are_of_medians_over_the_rounds() -> None:
    plain = [row("plain", "voice", ping, 0.2) for ping in (0.5, 0.4, 9.0)] + [row("plain", "held", None, 0.1)]
    stages = [row("stages", "voice", ping, 0.25) for ping in (0.6, 0.5, 0.55)] + [row("stages", "held", None, 0.125)]
    found = verdict([*plain, *stages])
    assert found["round_trip_ratio"] == 1.1 and found["delay_ratio"] == 1.0
    assert found["cores_ratio"] == 1.25 and found["held_by_two_over_twice_one"] == 0.8


def test_where_nobody_was_let_in_nothing_is_said() -> None:
    assert verdict([row("plain", "voice", 0.5, 0.2), row("stages", "voice", None, 0.0)])["round_trip_ratio"] is None
    assert percentile_fine([], 50) is None
    assert percentile_fine([0.3, 0.1, 0.2], 50) == 0.2


@pytest.mark.realtime
async def test_a_session_made_over_http_is_fed_heard_and_seen(server: Server) -> None:
    async with httpx.AsyncClient(timeout=30, follow_redirects=True) as http:
        guest = FedGuest(http, server.url, Wish(engine="clapper"), MonotonicClock())
        try:
            assert await guest.join(), guest.record
            await all_heard([guest.record], MonotonicClock())
            while not guest.record.sent:  # the face is silent first: it is heard before anybody has spoken
                await asyncio.sleep(0.02)
            assert await guest.round_trip_ms() > 0 and guest.placed_ms > 0
        finally:
            await guest.leave()
    assert guest.record.voice and guest.record.pictures and guest.record.sent
    assert guest.stage.startswith("ws://")
