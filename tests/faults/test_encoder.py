"""An encoder that fails: once, and the next picture begins anew; for ever, and its viewers alone have no picture."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.media import SLOT_MS
from app.rtc import picture_channel, voice_channel
from app.rtc.picture_channel import FAILURES
from app.rtc.picture_encoder import make_encoder
from app.rtc.voice_encoder import make_voice_encoder
from tests.faults.stage import FaultyEngine, Stage, until

pytestmark = pytest.mark.realtime

SLICES = 50


class Failing:
    """An encoder of which so many calls fail."""

    left = 0

    def __init__(self, real: Any) -> None:
        self._real = real

    @property
    def bitrate(self) -> int:
        return int(self._real.bitrate)

    def aim_at(self, bitrate: int) -> None:
        self._real.aim_at(bitrate)

    def encode(self, *given: Any) -> Any:
        if Failing.left:
            Failing.left -= 1
            raise MemoryError("no memory for a frame")
        return self._real.encode(*given)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what lets so many calls of one codec fail, in sessions that open afterwards."""
    Failing.left = 0
    make = make_encoder

    def failing(codec: Any, *given: Any) -> Any:
        return Failing(make(codec, *given)) if codec == "VP8" else make(codec, *given)

    monkeypatch.setattr(picture_channel, "make_encoder", failing)
    return lambda times: setattr(Failing, "left", times)


async def test_an_encoder_that_fails_once_goes_on_with_a_key_frame(stage: Stage, fail: Any) -> None:
    ear = stage.open(FaultyEngine())
    await until(lambda: len(ear.pictures["VP8"]) > 5)
    keys = sum(ear.pictures["VP8"])
    fail(1)
    await until(lambda: sum(ear.pictures["VP8"]) > keys)
    seen = len(ear.pictures["VP8"])
    await until(lambda: len(ear.pictures["VP8"]) > seen + 5)
    assert ear.failure is None


async def test_a_codec_that_fails_for_ever_leaves_the_voice_and_the_other_codec(stage: Stage, fail: Any) -> None:
    ear = stage.open(FaultyEngine(), codecs=("VP8", "H264"))
    await until(lambda: min(len(seen) for seen in ear.pictures.values()) > 2)
    fail(1 << 30)
    before = len(ear.pictures["H264"])
    await stage.say(ear, SLICES)
    await until(lambda: ear.finished and len(ear.pictures["H264"]) > before + 6 * FAILURES)
    assert ear.finished[0].played_ms == SLICES * SLOT_MS and ear.failure is None
    fail(0)
    seen = len(ear.pictures["VP8"])
    await until(lambda: len(ear.pictures["VP8"]) > seen)


async def test_where_no_codec_works_the_session_says_so_and_its_neighbour_goes_on(stage: Stage, fail: Any) -> None:
    ill, neighbour = stage.open(FaultyEngine()), stage.open(FaultyEngine("sound"), codecs=("H264",))
    await until(lambda: ill.pictures["VP8"] and neighbour.pictures["H264"])
    fail(1 << 30)
    await stage.say(neighbour, SLICES)
    await until(lambda: ill.failure)
    assert ill.failure == "internal_error"
    await until(lambda: neighbour.finished)
    assert neighbour.finished[0].played_ms == SLICES * SLOT_MS and neighbour.failure is None


async def test_a_voice_encoder_that_fails_once_is_made_anew(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    Failing.left = 0
    monkeypatch.setattr(voice_channel, "make_voice_encoder", lambda codec: Failing(make_voice_encoder(codec)))
    ear = stage.open(FaultyEngine())
    await until(lambda: ear.voice > 5)
    Failing.left = 1
    await until(lambda: not Failing.left)
    heard = ear.voice
    await until(lambda: ear.voice > heard + 20)
    assert ear.failure is None


async def test_a_task_that_dies_ends_its_session_loudly_and_no_other(stage: Stage) -> None:
    ill, neighbour = stage.open(FaultyEngine()), stage.open(FaultyEngine("sound"))

    async def die() -> None:
        await asyncio.sleep(0.1)
        raise KeyError("a bug")

    ill.session._tasks.run("something", die())
    await stage.say(neighbour, SLICES)
    await until(lambda: ill.failure and neighbour.finished)
    assert ill.failure == "internal_error"
    assert neighbour.finished[0].played_ms == SLICES * SLOT_MS and neighbour.failure is None
