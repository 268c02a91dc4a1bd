"""The wall clock jumps, and the event loop stands still: neither moves what plays, nor lets anybody in or out."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from app.clock import MonotonicClock
from app.ingest.pcm import PcmFormat
from app.media import SLOT_MS
from app.sessions.lifetime import Lifetime, live_out
from tests.faults.stage import RATE, FaultyEngine, Stage, tone, until

pytestmark = pytest.mark.realtime

SLICES = 50
DAY_S = 86_400
STILL_S = 2.0


def stand_still() -> None:
    """Keep the event loop from everything, as a callback that blocks does."""
    time.sleep(STILL_S)


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S])
async def test_a_jump_of_the_wall_clock_moves_no_slot(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    ear = stage.open(FaultyEngine())
    await until(lambda: ear.voice > 5)
    epoch = ear.session.media.epoch
    slots, ntp = epoch.slots, epoch.ntp
    real, real_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: real() + jump_s)
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() + jump_s * 1_000_000_000)
    await stage.say(ear, SLICES)
    await until(lambda: ear.finished)
    assert ear.finished[0].played_ms == SLICES * SLOT_MS
    assert (epoch.slots, epoch.ntp) == (slots, ntp), "sender reports go on as they began"
    assert ear.session.stats().missed < SLICES


async def test_a_jump_of_the_wall_clock_ends_no_session(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ear = stage.open(FaultyEngine())
    monkeypatch.setattr("app.clock.wall_clock", lambda: datetime.now(UTC) + timedelta(days=30))
    ending = asyncio.create_task(live_out(ear.session, Lifetime(DAY_S, DAY_S), MonotonicClock()))
    await until(lambda: ear.voice > 50)
    assert not ending.done()
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)


async def test_an_event_loop_that_stood_still_skips_no_word_of_a_clip(stage: Stage) -> None:
    ear = stage.open(FaultyEngine())
    await stage.say(ear, 2 * SLICES)
    await until(lambda: ear.session.played_ms > 200)
    stand_still()
    await until(lambda: ear.finished)
    assert ear.finished[0].played_ms == 2 * SLICES * SLOT_MS
    assert ear.failure is None


async def test_a_live_voice_is_back_in_time_after_the_event_loop_stood_still(stage: Stage) -> None:
    ear = stage.open(FaultyEngine(), mode="live")
    feeder = ear.session.feeder(PcmFormat("pcm_s16le", 1, RATE))

    async def speak(slices: int) -> None:
        """A second of words, a second's pause, as people do: in pauses a delay shrinks."""
        sound = tone(25) + bytes(len(tone(25)))
        size = len(tone(1))
        for number in range(slices):
            at = number % 50 * size
            await feeder.push(sound[at : at + size])
            await asyncio.sleep(SLOT_MS / 1000)

    await speak(50)
    stand_still()
    await speak(50)
    delay_ms = 10_000
    for _ in range(20):
        await speak(25)
        delay_ms = ear.session.stats().delay_ms or 0
        if delay_ms < STILL_S * 1000 / 2:
            break
    assert delay_ms < STILL_S * 1000 / 2, "the delay it brought went again"
    assert ear.failure is None
