"""``FaceAudioOutput`` as an ``AgentSession`` drives it, before a face that plays what a test lets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from livekit import rtc
from livekit.agents.voice.io import PlaybackFinishedEvent

from fake_face import FakeFace
from lipwire.livekit import FaceAudioOutput

RATE = 24_000


def frame(ms: int, channels: int = 1) -> rtc.AudioFrame:
    samples = RATE * ms // 1000
    return rtc.AudioFrame(b"\x01\x00" * samples * channels, RATE, channels, samples)


async def until(met: Callable[[], object]) -> None:
    async def wait() -> None:
        while not met():
            await asyncio.sleep(0.002)

    await asyncio.wait_for(wait(), 10)


class Heard:
    """An output on a face, and what it said."""

    def __init__(self, plays_ms: int) -> None:
        self.face = FakeFace(plays_ms)
        self.output = FaceAudioOutput(self.face)  # type: ignore[arg-type]
        self.finished: list[tuple[float, bool]] = []
        self.starts = 0
        self.output.on("playback_finished", self._note)
        self.output.on("playback_started", self._count)

    def _note(self, event: PlaybackFinishedEvent) -> None:
        self.finished.append((event.playback_position, event.interrupted))

    def _count(self, event: object) -> None:
        self.starts += 1

    async def played_out(self) -> tuple[float, bool]:
        event = await asyncio.wait_for(self.output.wait_for_playout(), 10)
        return event.playback_position, event.interrupted


@pytest.fixture
async def hear() -> AsyncIterator[Callable[..., Heard]]:
    made: list[Heard] = []

    def make(plays_ms: int = 1 << 40) -> Heard:
        made.append(Heard(plays_ms))
        return made[-1]

    yield make
    for each in made:
        await each.output.aclose()


async def test_a_segment_is_one_utterance_and_finishes_once(hear: Callable[..., Heard]) -> None:
    heard = hear()
    for _ in range(5):
        await heard.output.capture_frame(frame(20))
    heard.output.flush()
    assert await heard.played_out() == (0.1, False)
    assert (heard.finished, heard.starts) == ([(0.1, False)], 1)
    assert [len(each.sent) for each in heard.face.utterances] == [RATE // 5]


async def test_a_face_cannot_pause(hear: Callable[..., Heard]) -> None:
    assert not hear().output.can_pause


async def test_segments_are_told_in_order(hear: Callable[..., Heard]) -> None:
    heard = hear(plays_ms=0)
    for ms in (20, 40, 60):
        await heard.output.capture_frame(frame(ms, channels=2))
        heard.output.flush()
    heard.face.hear(1000)
    assert await heard.played_out() == (0.06, False)
    assert heard.finished == [(0.02, False), (0.04, False), (0.06, False)]


async def test_a_flush_without_sound_is_no_segment(hear: Callable[..., Heard]) -> None:
    heard = hear()
    heard.output.flush()
    heard.output.flush()
    heard.output.clear_buffer()
    assert heard.finished == [] and heard.face.log == []


async def test_a_clear_says_how_much_was_heard(hear: Callable[..., Heard]) -> None:
    heard = hear(plays_ms=700)
    await heard.output.capture_frame(frame(1000))
    heard.output.flush()
    await heard.output.capture_frame(frame(1000))
    await until(lambda: len(heard.face.utterances) == 2 and heard.face.utterances[1].sent)
    heard.output.flush()
    heard.output.clear_buffer()
    heard.output.clear_buffer()
    assert await heard.played_out() == (0.0, True)
    assert heard.finished == [(0.7, True), (0.0, True)]
    heard.face.hear(1000)
    await heard.output.capture_frame(frame(20))
    heard.output.flush()
    assert await heard.played_out() == (0.02, False)


async def test_a_clear_in_the_middle_swallows_the_rest_of_the_segment(hear: Callable[..., Heard]) -> None:
    heard = hear(plays_ms=10)
    await heard.output.capture_frame(frame(20))
    await until(lambda: heard.starts)
    heard.output.clear_buffer()
    await heard.output.capture_frame(frame(20))
    heard.output.flush()
    assert await heard.played_out() == (0.01, True)
    heard.face.hear(1000)
    await heard.output.capture_frame(frame(20))
    heard.output.flush()
    assert await heard.played_out() == (0.02, False)
    assert heard.finished == [(0.01, True), (0.02, False)]


async def test_a_clear_before_anything_was_sent_finishes_the_segment_too(hear: Callable[..., Heard]) -> None:
    heard = hear()
    heard.face.writable.clear()
    await heard.output.capture_frame(frame(20))
    heard.output.flush()
    heard.output.clear_buffer()
    assert await heard.played_out() == (0.0, True)
    assert heard.finished == [(0.0, True)]


async def test_a_cancelled_capture_leaves_no_segment_behind(hear: Callable[..., Heard]) -> None:
    heard = hear()
    heard.face.writable.clear()

    async def forward() -> None:
        for _ in range(200):
            await heard.output.capture_frame(frame(20))

    forwarding = asyncio.create_task(forward())
    await until(lambda: len(heard.output._speaker._orders) >= 64)
    await asyncio.sleep(0)
    assert not forwarding.done() and len(heard.output._speaker._orders) <= 66  # a flood waits outside
    forwarding.cancel()
    await asyncio.gather(forwarding, return_exceptions=True)
    heard.output.flush()
    heard.output.clear_buffer()
    assert await heard.played_out() == (0.0, True)
    assert len(heard.finished) == 1


async def test_an_interrupt_from_outside_finishes_the_segment(hear: Callable[..., Heard]) -> None:
    heard = hear(plays_ms=10)
    await heard.output.capture_frame(frame(20))
    await until(lambda: heard.starts)
    heard.face.cut()
    await until(lambda: heard.finished)
    await heard.output.capture_frame(frame(20))
    heard.output.flush()
    assert await heard.played_out() == (0.01, True)
    assert heard.finished == [(0.01, True)]


async def test_a_face_that_is_gone_ends_every_segment(hear: Callable[..., Heard]) -> None:
    heard = hear(plays_ms=10)
    await heard.output.capture_frame(frame(20))
    heard.output.flush()
    await until(lambda: heard.starts)
    heard.face.end_session()
    assert await heard.played_out() == (0.0, True)
    await heard.output.capture_frame(frame(20))
    await heard.output.capture_frame(frame(20))
    heard.output.flush()
    assert await heard.played_out() == (0.0, True)
    heard.output.clear_buffer()
    assert len(heard.finished) == 2


async def test_a_face_that_does_not_answer_ends_a_clear_all_the_same(
    hear: Callable[..., Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lipwire._speaker.INTERRUPT_TIMEOUT_S", 0.05)
    heard = hear(plays_ms=10)
    heard.face.answers = False
    await heard.output.capture_frame(frame(20))
    heard.output.flush()
    await until(lambda: heard.starts)
    heard.output.clear_buffer()
    assert await heard.played_out() == (0.0, True)
