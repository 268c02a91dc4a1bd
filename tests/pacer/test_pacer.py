"""The pacer on a clock moved by hand, fed by producers of every speed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from app.media import NS_PER_MS, SLOT_NS, TalkingFrame
from app.pacer.lateness import UNKNOWN_NS
from app.pacer.links import PacerLinks, PacerListener
from app.pacer.pacer import PAUSE_SLOTS, PHASE_SPARE_NS, Pacer
from app.pacer.playout_buffer import PlayoutBuffer
from app.pacer.schedule import LIVE, Mode
from tests.fakes import FakeClock, HeardSpeaking, Recorder, StillFace, frame

IDLE = np.zeros((3, 2), np.uint8)


@dataclass
class Producer:
    """The stages before Buffer A: frames get ready at a rate, and wait while there is no room."""

    total: int
    speed: float
    stalls: dict[int, int] = field(default_factory=dict)  # slot → slots for which nothing gets ready
    arrival: float = 1e9  # frames of input a slot, at most
    silent: frozenset[int] = frozenset()
    made: int = 0
    arrived: float = 0
    credit: float = 0
    stalled: int = 0
    blocked: int = 0  # frames up to here were not made sooner because there was no room
    queued_ns: dict[int, int] = field(default_factory=dict)

    @property
    def backlog(self) -> int:
        return int(min(self.arrived, self.total)) - self.made

    @property
    def ended(self) -> bool:
        return self.arrived >= self.total

    def work(self, slot: int, buffer: PlayoutBuffer, now_ns: int = 0) -> None:
        before = int(self.arrived)
        self.arrived = min(self.total, self.arrived + self.arrival)
        self.queued_ns.update(dict.fromkeys(range(before, int(self.arrived)), now_ns))
        self.stalled = max(self.stalled, self.stalls.get(slot, 0))
        if self.stalled:
            self.stalled -= 1
            return
        self.credit = min(self.credit + self.speed, self.speed + 1)
        while self.credit >= 1 and self.backlog and buffer.has_room:
            made = frame(self.made, silent=self.made in self.silent, ready_ns=now_ns)
            made.timestamps.queued_ns = self.queued_ns.get(self.made, now_ns)
            made.timestamps.held_back = self.made < self.blocked
            buffer.put(made)
            self.made += 1
            self.credit -= 1
        if not buffer.has_room:
            self.blocked = int(self.arrived)


class Noting(PacerListener):
    """Notes when utterances begin and end, and a number of that moment."""

    def __init__(self, number: Callable[[], int]) -> None:
        self._number = number
        self.news: list[tuple[bool, int]] = []

    def speaking(self, speaking: bool, pts: int) -> None:
        self.news.append((speaking, self._number()))


def make_pacer(
    buffer: PlayoutBuffer,
    producer: Producer,
    recorder: Recorder,
    mode: Mode,
    clock: FakeClock,
    listener: PacerListener | None = None,
) -> Pacer:
    return Pacer(PacerLinks(buffer, producer, recorder, StillFace(IDLE)), mode, clock, listener or PacerListener())


def run(producer: Producer, mode: Mode, slots: int) -> tuple[Pacer, Recorder]:
    clock, recorder = FakeClock(), Recorder()
    buffer = PlayoutBuffer(20, 10)
    pacer = make_pacer(buffer, producer, recorder, mode, clock)
    epoch = pacer.start()
    for slot in range(slots):
        clock.time_ns = epoch.due_ns(slot)
        producer.work(slot, buffer, clock.time_ns)
        pacer.step()
        assert len(buffer) <= 20
    assert [played.slot for played in recorder.slots] == list(range(slots))
    return pacer, recorder


@pytest.mark.parametrize("speed", [0.5, 1.0, 5.0, 50.0])
def test_clip_plays_every_frame_once_in_order_at_any_producer_speed(speed: float) -> None:
    _, recorder = run(Producer(500, speed), "clip", int(500 / min(1, speed)) + 60)
    assert recorder.played_numbers() == list(range(500))


@pytest.mark.parametrize("speed", [1.0, 5.0, 50.0])
def test_a_fast_enough_producer_never_causes_an_underrun(speed: float) -> None:
    pacer, recorder = run(Producer(500, speed), "clip", 560)
    assert pacer.counters.underruns == 0
    started = next(i for i, slot in enumerate(recorder.slots) if slot.generation is not None)
    assert all(slot.generation is not None for slot in recorder.slots[started : started + 500])


@pytest.mark.parametrize("stall_slots", [5, 50, 250])
def test_clip_freezes_with_silence_in_a_stall_and_loses_nothing(stall_slots: int) -> None:
    pacer, recorder = run(Producer(400, 5, stalls={100: stall_slots}), "clip", 800)
    assert recorder.played_numbers() == list(range(400))
    for slot in recorder.slots:
        if slot.generation is None:
            assert slot.image is IDLE and np.abs(slot.audio).max() <= 400, "silence, or the voice fading into it"
    assert pacer.counters.underruns == (stall_slots > 20)


def test_an_hour_long_clip_does_not_drift_by_a_sample() -> None:
    frames = 60 * 60 * 25
    pacer, recorder = run(Producer(frames, 50), "clip", frames + 50)
    played = [slot for slot in recorder.slots if slot.generation is not None]
    assert len(played) == frames
    assert played[-1].slot - played[0].slot == frames - 1
    assert pacer.counters.played == frames


def test_live_returns_to_its_delay_after_a_stall_by_dropping_silence_alone() -> None:
    # a second of speech, 0.6 s of pause, again and again, as it comes from a microphone
    silent = frozenset(number for number in range(2000) if number % 40 >= 25)
    producer = Producer(2000, speed=5, stalls={200: 50}, arrival=1, silent=silent)
    pacer, recorder = run(producer, "live", 200 + 50 + 300)
    assert pacer.counters.dropped_speech == 0
    assert 44 <= pacer.counters.dropped_silent <= 55
    assert producer.backlog + 1 <= 4, "what came once may come again"
    numbers = recorder.played_numbers()
    assert numbers == sorted(set(numbers))
    speech = [number for number in range(numbers[-1]) if number not in silent]
    assert set(speech) <= set(numbers)


def test_live_drops_speech_only_past_the_hard_limit() -> None:
    producer = Producer(2000, speed=5, stalls={100: 150}, arrival=1)
    pacer, _ = run(producer, "live", 400)
    assert pacer.counters.dropped_silent == 0
    # in one piece, while the picture holds: the microphone goes on meanwhile, which costs a few more
    assert 150 - LIVE.hard_limit <= pacer.counters.dropped_speech <= 150 - LIVE.hard_limit + 25


@pytest.mark.parametrize("ppm", [200, -200])
def test_a_microphone_clock_that_is_off_does_not_grow_the_delay(ppm: int) -> None:
    slots = 60 * 60 * 25
    silent = frozenset(number for number in range(slots + 100) if number % 40 >= 25)
    producer = Producer(slots * 2, speed=5, arrival=1 + ppm / 1e6, silent=silent)
    pacer, _ = run(producer, "live", slots)
    assert pacer.counters.dropped_speech == 0
    assert producer.backlog <= 2
    assert pacer.counters.underruns <= 20


def test_a_late_wake_up_serves_overdue_slots_and_moves_no_later_one() -> None:
    clock, recorder = FakeClock(), Recorder()
    pacer = make_pacer(PlayoutBuffer(20, 10), Producer(0, 1), recorder, "clip", clock)
    epoch = pacer.start()
    lateness = iter([0, 0, 70_000_000, 0, 0])
    woken: list[tuple[int, int]] = []

    async def late_sleep(deadline_ns: int) -> None:
        clock.time_ns = max(clock.time_ns, deadline_ns + next(lateness))
        woken.append((pacer.next_slot, clock.time_ns))

    clock.sleep_until = late_sleep  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):  # the iterator's end
        asyncio.run(pacer.run())
    assert [slot for slot, _ in woken] == [0, 1, 2, 3, 4]
    assert woken[4][1] == epoch.due_ns(4)
    assert pacer.counters.missed == 0


def test_a_stuck_event_loop_leaves_slots_out_but_no_frame() -> None:
    clock, recorder = FakeClock(), Recorder()
    buffer = PlayoutBuffer(20, 10)
    for number in range(4):
        buffer.put(frame(number))
    pacer = make_pacer(buffer, Producer(0, 1), recorder, "clip", clock)
    pacer.start()
    lateness = iter([0, 50 * SLOT_NS, 0, 0])

    async def late_sleep(deadline_ns: int) -> None:
        clock.time_ns = max(clock.time_ns, deadline_ns + next(lateness))

    clock.sleep_until = late_sleep  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        asyncio.run(pacer.run())
    assert [slot.slot for slot in recorder.slots] == [0, 51, 52, 53]
    assert recorder.played_numbers() == [0, 1, 2, 3]
    assert pacer.counters.missed == 50


def test_a_clip_is_announced_from_its_first_frame_to_its_last() -> None:
    clock, buffer, producer = FakeClock(), PlayoutBuffer(20, 10), Producer(30, 50, silent=frozenset(range(5, 28)))
    heard = Noting(lambda: pacer.played_ms)
    pacer = make_pacer(buffer, producer, Recorder(), "clip", clock, heard)
    pacer.start()
    for slot in range(60):
        producer.work(slot, buffer)
        pacer.step()
    assert heard.news == [(True, 0), (False, 1200)]


def test_utterances_that_follow_each_other_without_a_gap_are_announced_one_by_one() -> None:
    buffer, producer = PlayoutBuffer(60, 10), Producer(0, 1)
    for number in range(50):
        buffer.put(replace(frame(number), last=number % 25 == 24))
    heard = Noting(lambda: pacer.played_ms)
    pacer = make_pacer(buffer, producer, Recorder(), "clip", FakeClock(), heard)
    pacer.start()
    for _ in range(60):
        pacer.step()
    assert heard.news == [(True, 0), (False, 1000), (True, 1000), (False, 2000)]


def test_a_flush_that_comes_after_the_last_frame_still_finishes_the_utterance() -> None:
    news = HeardSpeaking()
    buffer, producer = PlayoutBuffer(20, 10), Producer(10, 50)
    producer.total, producer.arrived = 1000, 10
    producer.arrival = 0
    pacer = make_pacer(buffer, producer, Recorder(), "clip", FakeClock(), news)
    pacer.start()
    for slot in range(40):
        producer.work(slot, buffer)
        pacer.step()
    assert news.news == [True]
    producer.total = 10
    pacer.step()
    assert news.news == [True, False]


def test_live_speech_is_finished_by_a_pause() -> None:
    clock, buffer = FakeClock(), PlayoutBuffer(20, 10)
    producer = Producer(60, 5, arrival=1, silent=frozenset(range(20, 60)))
    heard = Noting(lambda: pacer.next_slot)
    pacer = make_pacer(buffer, producer, Recorder(), "live", clock, heard)
    epoch = pacer.start()
    for slot in range(50):
        clock.time_ns = epoch.due_ns(slot)
        producer.work(slot, buffer, clock.time_ns)
        pacer.step()
    (_, begun), (_, ended) = heard.news
    assert [on for on, _ in heard.news] == [True, False]
    assert ended - begun == 20 + PAUSE_SLOTS - 1


def test_an_interrupt_starts_afresh() -> None:
    news = HeardSpeaking()
    buffer = PlayoutBuffer(20, 10)
    for number in range(10):
        buffer.put(frame(number))
    recorder = Recorder()
    pacer = make_pacer(buffer, Producer(0, 1), recorder, "clip", FakeClock(), news)
    pacer.start()
    pacer.step()
    buffer.clear()
    pacer.interrupt(unsent_ms=20)
    pacer.step()
    assert recorder.slots[-1].image is IDLE
    assert news.news == [True, False]
    assert pacer.counters.underruns == 0
    assert pacer.played_ms == 20, "half of the slot had not been sent yet"


class NotingBuffer(PlayoutBuffer):
    """Notes for which position of the avatar each frame was drawn."""

    def __init__(self, high: int, low: int) -> None:
        super().__init__(high, low)
        self.drawn_for: dict[int, int] = {}

    def put(self, frame: TalkingFrame) -> None:
        self.drawn_for[frame.pts] = self.demand.position
        super().put(frame)


@pytest.mark.parametrize("mode", ["clip", "live"])
@pytest.mark.parametrize(("speed", "stalls"), [(5.0, {}), (1.0, {40: 50, 150: 10}), (0.5, {}), (1.5, {60: 20})])
def test_a_video_avatar_never_jumps(mode: Mode, speed: float, stalls: dict[int, int]) -> None:
    """A frame is drawn for a place in the avatar's loop before it is known when it plays: it must still fit there."""
    clock, recorder = FakeClock(), Recorder()
    buffer, producer = NotingBuffer(20, 10), Producer(200, speed, stalls, arrival=1.0)
    pacer = make_pacer(buffer, producer, recorder, mode, clock)
    epoch = pacer.start()
    for number in range(500):
        clock.time_ns = epoch.due_ns(number)
        producer.work(number, buffer, clock.time_ns)
        pacer.step()
    positions = [slot.position for slot in recorder.slots]
    skipped = pacer.counters.dropped
    assert all(step in (0, 1) or (mode == "live" and skipped) for step in np.diff(positions))
    assert max(np.diff(positions)) <= 1 + skipped
    played = [slot for slot in recorder.slots if slot.generation is not None]
    for slot, number in zip(played, recorder.played_numbers(), strict=True):
        assert slot.position == buffer.drawn_for[number]


@pytest.mark.parametrize("connected_ms", range(400, 440, 7))
def test_the_epoch_lies_where_frames_that_come_already_wait_for_the_margin_alone(connected_ms: int) -> None:
    clock, buffer, recorder = FakeClock(0), PlayoutBuffer(20, 10), Recorder()
    pacer = make_pacer(buffer, Producer(10_000, 1, arrival=0), recorder, "live", clock)

    def ready_ms(number: int) -> int:
        return number * 40 + 113

    coming = iter(range(1000))
    number = next(coming)

    def come(now_ms: float) -> None:
        nonlocal number
        while ready_ms(number) <= now_ms:
            buffer.put(frame(number, silent=number < 20, ready_ns=ready_ms(number) * NS_PER_MS))
            number = next(coming)

    come(connected_ms)
    clock.time_ns = connected_ms * NS_PER_MS
    epoch = pacer.start()
    assert 0 <= epoch.epoch_ns - clock.time_ns < SLOT_NS
    waits = []
    for slot in range(200):
        clock.time_ns = epoch.due_ns(slot)
        come(clock.time_ns / NS_PER_MS)
        head, played = buffer.head, pacer.counters.played
        pacer.step()
        if pacer.counters.played > played and head is not None:
            waits.append((clock.time_ns - head.timestamps.ready_ns) / NS_PER_MS)
    margin_ms = (UNKNOWN_NS + PHASE_SPARE_NS) / NS_PER_MS
    assert waits[-1] == pytest.approx(margin_ms, abs=0.01)
    assert pacer.counters.gaps == 0


def test_a_clip_begins_at_once() -> None:
    clock, buffer = FakeClock(), PlayoutBuffer(20, 10)
    buffer.put(frame(0, ready_ns=clock.time_ns - 7))
    pacer = make_pacer(buffer, Producer(1, 1), Recorder(), "clip", clock)
    assert pacer.start().epoch_ns == clock.time_ns
