"""A session by itself: no socket, no peer connection, time moved by hand; the inference thread is real."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import pytest

from app.avatars.avatar import Avatar
from app.emphasis import CALM, Emphasis
from app.errors import Refusal
from app.i420 import plain
from app.inference.engine import IdleMotion, Job, Prepared
from app.inference.expression import NEUTRAL, Expression
from app.inference.features.window import MelSpan, Window
from app.inference.scheduler.worker import InferenceWorker
from app.ingest.pcm import PcmFormat
from app.media import I420, NS_PER_S, PACKETS_PER_FRAME, SLOT_MS, SLOT_NS, TalkingFrame
from app.pacer.schedule import Mode
from app.rtc.broadcast import SUBSCRIPTION_PICTURES
from app.rtc.ice_network import IceNetwork
from app.rtc.picture_encoder import Effort
from app.rtc.playout_feed import SPARE_SLOTS
from app.sessions.events import Failed, Interrupted, SessionEvent, Speaking
from app.sessions.feeders import FEEDERS_HIGH
from app.sessions.playout import Cast, Machinery, SessionLimits
from app.sessions.session import Session
from app.sessions.utterances import WAITING_HIGH
from tests.fakes import STILL, Face, HandPool, InlinePool, NotingEncoder, SteppedClock, frame

Event = TypeVar("Event", bound=SessionEvent)

RATE = 16_000
SLICE_BYTES = 2 * RATE * SLOT_MS // 1000


class BrokenMotion:
    """Cannot be drawn."""

    def emphasis(self, window: Window) -> Emphasis:
        return CALM

    def at_rest(self, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL) -> I420:
        raise ValueError("broken")


class Numbering:
    """An engine whose pictures are as bright as their number."""

    name = "numbering"
    span: MelSpan | None = None
    max_batch = 4

    def prepare(self, avatar: Avatar) -> Prepared:
        return Face(None)

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        return [plain(2, 2, 16 + job.window.sound.pts % 200) for job in jobs]


class Unwatched:
    """Measures nothing."""

    def note_slot(self, late_ns: int) -> None:
        pass

    def note_played(self, frame: TalkingFrame, now_ns: int) -> None:
        pass


class Stage:
    """Sessions on one inference thread, and the encoders that they made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = SteppedClock()
        self.worker = InferenceWorker(self.clock)
        self.encoders: list[NotingEncoder] = []
        self.sessions: list[Session] = []
        monkeypatch.setattr("app.rtc.picture_channel.make_encoder", self._make_encoder)

    def open(
        self,
        mode: Mode = "clip",
        motion: IdleMotion | None = None,
        pool: Executor | None = None,
        lead_packets: int = 2,
    ) -> Session:
        avatar = Avatar("p", "p", STILL, np.zeros((468, 2), np.float32))
        limits = SessionLimits(20, 10, lead_packets, 2_500_000, Effort.USUAL, IceNetwork())
        machinery = Machinery(self.worker, pool or InlinePool(), InlinePool(), self.clock)
        session = Session("5e55", mode, Cast(Numbering(), avatar, Face(motion)), limits, machinery, Unwatched())
        self.sessions.append(session)
        return session

    async def until(self, true: Callable[[], bool], limit_s: float = 10) -> None:
        """Wait in real time for what another thread does."""
        async with asyncio.timeout(limit_s):
            while not true():
                await asyncio.sleep(0.001)

    async def play(self, session: Session, slots: int) -> None:
        """Let so many slots pass, each once the thread has drawn what it was given."""
        for _ in range(slots):
            await asyncio.sleep(0.002)
            await self.clock.advance(SLOT_NS)

    def _make_encoder(self, codec: str, *options: object) -> NotingEncoder:
        self.encoders.append(NotingEncoder())
        return self.encoders[-1]


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    opened = Stage(monkeypatch)
    opened.worker.start()
    yield opened
    for session in opened.sessions:
        await session.aclose()
    await opened.worker.aclose()


def tone(slices: float) -> bytes:
    """So many slots of a loud voice, 16-bit."""
    time = np.arange(int(slices * SLICE_BYTES) // 2) / RATE
    return (np.sin(2 * np.pi * 200 * time) * 9000).astype(np.int16).tobytes()


def numbers_shown(encoder: NotingEncoder) -> list[int]:
    """The numbers of the pictures that were drawn for sound, each once."""
    shown = [int(picture[0, 0]) - 16 for _, picture, _ in encoder.coded if picture[0, 0] >= 16]
    return list(dict.fromkeys(shown))


def heard(events: list[SessionEvent], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


async def collect(session: Session) -> tuple[list[SessionEvent], asyncio.Task[None]]:
    events: list[SessionEvent] = []
    queue = session.events()

    async def listen() -> None:
        async for told in queue:
            events.append(told.event)

    return events, asyncio.create_task(listen())


async def test_two_watch_what_is_coded_once_and_the_slow_one_hurts_only_itself(stage: Stage) -> None:
    session = stage.open()
    session.start()
    await stage.clock.advance(SLOT_NS)
    quick, slow = (session.media.pictures.subscribe("H264") for _ in range(2))
    taken = []
    for _ in range(4 * SUBSCRIPTION_PICTURES):
        await stage.clock.advance(SLOT_NS)
        while len(quick):
            taken.append((await quick.next()).pts)
    assert len(stage.encoders) == 1 and len(stage.encoders[0].coded) == len(taken) > 40
    assert np.diff(taken).tolist() == [3600] * (len(taken) - 1), "not one is missing"
    assert quick.dropped == 0 and slow.dropped > 2 * SUBSCRIPTION_PICTURES
    assert len(slow) <= SUBSCRIPTION_PICTURES
    assert session.stats().unsent == slow.dropped, "the session counts it"
    first = await slow.next()
    assert first.key, "who lost pictures goes on with one that needs no other"
    assert first.pts > taken[SUBSCRIPTION_PICTURES]


async def test_a_feeder_replaced_in_the_middle_of_a_word_is_heard_to_its_end_and_then_the_next(stage: Stage) -> None:
    session = stage.open()
    session.start()
    session.media.pictures.subscribe("H264")
    events, listening = await collect(session)
    first = session.feeder(PcmFormat(sample_rate=RATE))
    await first.push(tone(30.5))
    with pytest.raises(Refusal) as refused:
        session.feeder(PcmFormat())
    assert refused.value.code == "already_fed"
    await stage.play(session, 10)
    assert 0 < session.stats().played_ms < 30 * SLOT_MS, "it is being heard"
    first.leave()
    first.leave()
    second = session.feeder(PcmFormat("pcm_f32le", 1, 48_000))
    await first.push(tone(5))  # too late: the place is another's
    await second.push(np.full(20 * 1920, 0.25, "<f4").tobytes())
    await second.flush()
    await stage.play(session, 70)
    assert numbers_shown(stage.encoders[0]) == list(range(51)), "31 slots of the first, 20 of the second, in order"
    assert session.stats().played_ms == 51 * SLOT_MS and session.stats().gaps == 0
    spoken = [(event.begins, event.utterance, event.played_ms) for event in heard(events, Speaking)]
    assert spoken == [(True, "1", 0), (False, "1", 31 * SLOT_MS), (True, "2", 0), (False, "2", 20 * SLOT_MS)]
    await session.aclose()
    await listening


async def test_many_feeders_who_leave_at_once_do_not_pile_up(stage: Stage) -> None:
    session = stage.open()
    for _ in range(FEEDERS_HIGH):
        feeder = session.feeder(PcmFormat(sample_rate=RATE))
        await feeder.push(tone(200))  # more than the thread takes before anything plays
        feeder.leave()
    with pytest.raises(Refusal) as refused:
        session.feeder(PcmFormat())
    assert refused.value.code == "feeder_busy"
    session.start()
    session.interrupt()
    await stage.clock.advance(SLOT_NS)
    session.feeder(PcmFormat())


async def test_who_comes_after_a_minute_without_anybody_sees_the_present_from_a_key_picture(stage: Stage) -> None:
    pool = HandPool()
    session = stage.open("live", BrokenMotion(), pool)
    session.start()
    await stage.clock.advance(60 * NS_PER_S)
    slots = session.stats().slots
    assert abs(slots - 60 * 25) <= 1, "its time goes on"
    assert stage.encoders == [] and pool.work == [], "nothing is drawn or coded for nobody"
    assert session.stats().unsent == 0 and session.stats().buffer_b <= 2
    pictures, voice = session.media.pictures.subscribe("VP8"), session.media.voice.subscribe()
    await stage.clock.advance(SLOT_NS)
    first = await asyncio.wait_for(pictures.next(), 1)
    assert first.key and slots - 1 <= first.pts // 3600 <= slots
    spoken = await asyncio.wait_for(voice.next(), 1)
    assert abs(spoken.pts / 48_000 - first.pts / 90_000) <= 2 * SLOT_MS / 1000, "on one epoch"


async def test_a_session_that_holds_begins_with_nobody(stage: Stage) -> None:
    session = stage.open()
    session.start(hold_until_viewer=True)
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    await feeder.push(tone(10))
    await stage.clock.advance(10 * NS_PER_S)
    await stage.until(lambda: session.stats().buffer_a > 0)
    assert session.stats().slots == 0 and session.media.epoch.slots is None


async def test_an_interrupt_is_told_to_every_listener_and_drops_all_that_waits(stage: Stage) -> None:
    session = stage.open()
    session.start()
    (events, listening), (others, also_listening) = await collect(session), await collect(session)
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    await feeder.push(tone(200))
    await stage.play(session, 10)
    cut = session.interrupt()
    assert 0 < cut.session_played_ms == cut.played_ms < 12 * SLOT_MS and cut.utterance == "1"
    await feeder.push(tone(5))
    await feeder.flush()
    await stage.play(session, 20)
    assert session.stats().played_ms == cut.session_played_ms + 5 * SLOT_MS
    await session.aclose()
    await asyncio.gather(listening, also_listening)
    assert heard(events, Interrupted) == heard(others, Interrupted) == [cut]


async def test_an_interrupt_of_all_that_may_wait_is_told_to_the_last(stage: Stage) -> None:
    session = stage.open("agent")
    queue = session.events()
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    await feeder.push(tone(1))
    for number in range(WAITING_HIGH - 1):
        feeder.utterance(f"u{number}")
    session.interrupt()
    told = [await asyncio.wait_for(anext(queue), 1) for _ in range(WAITING_HIGH + 1)]
    ends = [each.event for each in told if isinstance(each.event, Speaking)]
    assert len(ends) == WAITING_HIGH and all(end.interrupted for end in ends)
    assert isinstance(told[-1].event, Interrupted)
    assert len(session.events(after=0)) == WAITING_HIGH + 1, "who lost the connection is told as much"


async def test_what_is_still_sent_of_an_utterance_cut_from_outside_is_never_heard_however_often_it_is_cut(
    stage: Stage,
) -> None:
    session = stage.open("agent")
    session.start()
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    feeder.utterance("long")
    await feeder.push(tone(10))
    await stage.play(session, 4)
    played_ms = session.interrupt(from_outside=True).session_played_ms
    session.interrupt(from_outside=True)
    await feeder.push(tone(10))
    await stage.play(session, 15)
    assert session.stats().played_ms == played_ms
    feeder.utterance("next", PcmFormat("pcm_f32le", 1, 48_000))
    await feeder.push(np.full(5 * 1920, 0.25, "<f4").tobytes())
    await feeder.flush()
    await stage.play(session, 15)
    assert session.stats().played_ms == played_ms + 5 * SLOT_MS


async def test_an_interrupt_drops_what_waits_for_room_too(stage: Stage) -> None:
    session = stage.open()
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    for _ in range(10):  # what the inference thread takes, then what the inbox does
        stuck = asyncio.create_task(feeder.push(tone(200)))
        await asyncio.wait({stuck}, timeout=0.2)
        if not stuck.done():
            break
    assert not stuck.done()
    session.interrupt()
    await asyncio.wait_for(stuck, 1)
    session.start()
    await stage.play(session, 40)
    assert session.stats().played_ms == 0


async def test_a_face_that_cannot_be_drawn_at_rest_ends_the_session_and_the_log_says_why(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(1) as pool:
        broken = stage.open("live", BrokenMotion(), pool)
        events, listening = await collect(broken)
        broken.start()
        broken.media.pictures.subscribe("H264")
        await stage.play(broken, 3)
        await asyncio.wait_for(listening, 5)
    (failed,) = heard(events, Failed)
    assert failed.why.code == "engine_failed"
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "5e55" in record.getMessage() and record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


async def test_a_part_that_dies_ends_the_session_loudly(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    session = stage.open()
    events, listening = await collect(session)
    session.start()
    await stage.clock.advance(SLOT_NS)

    def die() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(session._playout.pacer, "step", die)
    await stage.clock.advance(2 * SLOT_NS)
    await asyncio.wait_for(listening, 5)
    assert isinstance(events[-1], Failed) and events[-1].why.code == "internal_error"


async def test_every_slot_that_the_longest_lead_lets_wait_may_have_its_own_picture(stage: Stage) -> None:
    longest_lead = 50
    slots = longest_lead // PACKETS_PER_FRAME + SPARE_SLOTS
    waiting = stage.open("live", BrokenMotion(), HandPool(), longest_lead)
    waiting.media.pictures.subscribe("H264")
    for position in range(slots):
        waiting._playout.idle.picture(position)
    assert waiting.stats().rest_repeats == 0
    waiting._playout.idle.picture(slots)
    assert waiting.stats().rest_repeats == 1


async def test_an_interrupt_puts_the_mouth_at_rest_without_easing(stage: Stage) -> None:
    speaking = stage.open("live")
    playout = speaking._playout
    speaking.media.pictures.subscribe("H264")
    playout.pacer.start()
    for number in range(4):
        playout.buffer.put(frame(number + 100))
    for _ in range(4):
        playout.pacer.step()
    assert playout.feed.pictures.items[-1].generation is not None
    speaking.interrupt()
    playout.pacer.step()
    assert all(slot.image is STILL for slot in playout.feed.pictures.items)
    assert speaking.stats().rest_late == speaking.stats().rest_repeats == 0


async def test_of_a_session_that_is_over_nothing_can_be_had(stage: Stage) -> None:
    session = stage.open()
    session.start()
    await session.aclose()
    await session.aclose()
    with pytest.raises(Refusal) as unfed:
        session.feeder(PcmFormat())
    with pytest.raises(Refusal) as unseen:
        await session.view("v=0")
    assert unfed.value.code == unseen.value.code == "session_over"
