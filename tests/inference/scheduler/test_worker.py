"""The inference thread with an engine made for the test: real thread, real event loop, no sleeping."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from app.avatars.avatar import Avatar
from app.emphasis import CALM, Emphasis
from app.inference.engine import IdleMotion, Job
from app.inference.expression import NEUTRAL, Expression
from app.inference.features.window import MelSpan, Window
from app.inference.looks import Looks
from app.inference.scheduler.batch import BATCH_NS
from app.inference.scheduler.cost import FRESH_NS, LATELY_NS, CostKey, EngineCost
from app.inference.scheduler.cost_meter import MEASURED, WARM_UPS, CostMeter
from app.inference.scheduler.demand import Demand
from app.inference.scheduler.stream import AGAIN_AHEAD, DRAWN_HIGH, PENDING_HIGH, GenerationStream
from app.inference.scheduler.worker import InferenceWorker
from app.media import I420, SILENCE, SLOT_NS, AudioSlice, StageTimestamps, TalkingFrame
from tests.fakes import HoardingSink

IMAGE = np.zeros((3, 2), np.uint8)


KEY = CostKey("gated", 2, 2, alive=False, moving=False)


def note(cost: EngineCost, ns: int, batches: int = 10, now_ns: int = 0) -> None:
    for _ in range(batches):
        cost.note(KEY, 1, ns, ns, now_ns)


class GatedEngine:
    """Renders only when told, and notes who was served on which thread."""

    name = "gated"
    span: MelSpan | None = None
    max_batch = 4

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.batches: list[list[tuple[object, int]]] = []
        self.threads: set[str] = set()
        self.fail = False
        self.bad: object = None  # an avatar that cannot be drawn

    def prepare(self, avatar: Avatar) -> Face:
        return Face(avatar.name)

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        self.gate.acquire()
        self.threads.add(threading.current_thread().name)
        if self.fail or self.bad in [job.prepared for job in jobs]:
            raise ValueError("broken")
        self.batches.append([(job.prepared, job.window.sound.pts) for job in jobs])
        return [IMAGE for _ in jobs]

    def open_gate(self) -> None:
        self.gate.release(10_000)


def windows(count: int, generation: int = 0, silent: frozenset[int] = frozenset()) -> list[Window]:
    model = np.zeros(640, np.float32)
    return [
        Window(
            AudioSlice(generation, pts, SILENCE, model, pts in silent, StageTimestamps(0)),
            np.zeros((80, 0), np.float32),
        )
        for pts in range(count)
    ]


class Face(str):
    """A name is enough."""

    moving = False
    idle_motion: IdleMotion | None = None

    def without_idle_motion(self) -> Face:
        return Face(self)

    def idle_frame(self, position: int) -> I420:
        return IMAGE


class Taker(HoardingSink):
    """One stream and all that it delivered."""

    def __init__(self, worker: InferenceWorker, engine: GatedEngine, name: str, lossy: bool = False) -> None:
        super().__init__()
        self.face = Face(name)
        self.stream: GenerationStream = worker.open(engine, self.face, lossy, self)


@pytest.fixture
async def worker() -> AsyncIterator[InferenceWorker]:
    before = set(threading.enumerate())
    started = InferenceWorker()
    started.start()
    (own,) = (each for each in set(threading.enumerate()) - before if each.name == "inference")
    yield started
    await started.aclose()
    assert not own.is_alive()


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


async def test_frames_come_in_order_from_one_thread(worker: InferenceWorker, engine: GatedEngine) -> None:
    taker = Taker(worker, engine, "a")
    engine.open_gate()
    taker.stream.submit(windows(30))
    await taker.wait_for(30)
    assert [frame.pts for frame in taker.frames] == list(range(30))
    assert engine.threads == {"inference"}
    assert taker.stream.backlog == 0


async def test_the_earliest_deadline_comes_first_in_a_batch(worker: InferenceWorker, engine: GatedEngine) -> None:
    late, soon = Taker(worker, engine, "late"), Taker(worker, engine, "soon")
    late.demand, soon.demand = Demand(2), Demand(1)
    gate = GatedEngine()
    gate.name = "gate"  # another kind of work: what it waits is no cost of a picture
    blocker = Taker(worker, gate, "blocker")
    blocker.stream.submit(windows(1))
    while not blocker.stream.in_flight:
        await asyncio.sleep(0)
    late.stream.submit(windows(2))
    soon.stream.submit(windows(2))
    engine.open_gate()
    gate.open_gate()
    await soon.wait_for(2)
    await late.wait_for(2)
    assert engine.batches == [[("soon", 0), ("late", 0), ("soon", 1), ("late", 1)]]


async def test_a_full_stream_makes_ingest_wait(worker: InferenceWorker, engine: GatedEngine) -> None:
    taker = Taker(worker, engine, "a")
    taker.stream.submit(windows(PENDING_HIGH + 1))
    waiting = asyncio.create_task(taker.stream.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    engine.open_gate()
    await asyncio.wait_for(waiting, 10)
    await taker.wait_for(PENDING_HIGH + 1)


async def test_a_session_is_skipped_until_it_has_room(worker: InferenceWorker, engine: GatedEngine) -> None:
    full, other = Taker(worker, engine, "full"), Taker(worker, engine, "other")
    full.demand = Demand(has_room=False)
    engine.open_gate()
    full.stream.submit(windows(2))
    other.stream.submit(windows(2))
    await other.wait_for(2)
    assert full.frames == [] and full.stream.backlog == 2
    full.demand = Demand()
    worker.wake()
    await full.wait_for(2)


async def test_a_live_stream_that_falls_behind_drops_its_oldest_silence_first(
    worker: InferenceWorker, engine: GatedEngine
) -> None:
    taker = Taker(worker, engine, "live", lossy=True)
    taker.demand = Demand(has_room=False)
    taker.stream.submit(windows(PENDING_HIGH + 3, silent=frozenset({5, 6})))
    assert taker.stream.dropped == 3 and taker.stream.backlog == PENDING_HIGH
    await asyncio.wait_for(taker.stream.wait_for_room(), 1)
    kept = [window.sound.pts for window in taker.stream.pending]
    assert kept == [pts for pts in range(PENDING_HIGH + 3) if pts not in (0, 5, 6)]


async def test_an_interrupt_discards_what_waits_and_what_is_in_the_engine(
    worker: InferenceWorker, engine: GatedEngine
) -> None:
    taker = Taker(worker, engine, "a")
    taker.stream.submit(windows(10))
    while not taker.stream.in_flight:
        await asyncio.sleep(0)
    taker.stream.interrupt(1)
    assert taker.stream.backlog == 0 and taker.stream.ended
    taker.stream.submit(windows(3, generation=1))
    engine.open_gate()
    await taker.wait_for(3)
    assert {frame.generation for frame in taker.frames} == {1}
    assert taker.stream.backlog == 0


async def test_an_engine_that_fails_ends_its_sessions_and_no_other(
    worker: InferenceWorker, engine: GatedEngine
) -> None:
    broken, well = Taker(worker, engine, "broken"), Taker(worker, GatedEngine(), "well")
    engine.fail = True
    engine.open_gate()
    broken.stream.submit(windows(1))
    await broken.wait_for(1)
    assert isinstance(broken.errors[0], ValueError)
    assert isinstance(well.stream.engine, GatedEngine)
    well.stream.engine.open_gate()
    well.stream.submit(windows(5))
    await well.wait_for(5)


async def test_one_bad_avatar_in_a_batch_ends_its_own_session_alone(
    worker: InferenceWorker, engine: GatedEngine
) -> None:
    engine.bad = "bad"
    blocker = Taker(worker, engine, "blocker")
    blocker.stream.submit(windows(1))
    while not blocker.stream.in_flight:
        await asyncio.sleep(0)
    good, bad = Taker(worker, engine, "good"), Taker(worker, engine, "bad")
    for taker in (good, bad):
        taker.stream.submit(windows(1))
    engine.open_gate()
    await good.wait_for(1)
    await bad.wait_for(1)
    assert len(good.frames) == 1 and good.errors == []
    assert bad.frames == [] and len(bad.errors) == 1


class Listener:
    """A life that cannot hear."""

    def emphasis(self, window: Window) -> Emphasis:
        raise ValueError("deaf")

    def at_rest(self, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL) -> I420:
        return IMAGE


async def test_an_emphasis_that_cannot_be_told_ends_its_session_and_no_other(
    worker: InferenceWorker, engine: GatedEngine
) -> None:
    engine.open_gate()
    deaf, well = Taker(worker, engine, "deaf"), Taker(worker, engine, "well")
    deaf.face.idle_motion = Listener()
    deaf.stream.submit(windows(1))
    well.stream.submit(windows(1))
    await deaf.wait_for(1)
    await well.wait_for(1)
    assert isinstance(deaf.errors[0], ValueError) and deaf.frames == []
    well.stream.submit(windows(3))
    await well.wait_for(4)
    assert well.errors == []


async def test_a_closed_stream_delivers_nothing(worker: InferenceWorker, engine: GatedEngine) -> None:
    taker, other = Taker(worker, engine, "a"), Taker(worker, engine, "b")
    taker.stream.submit(windows(5))
    while not taker.stream.in_flight:
        await asyncio.sleep(0)
    taker.stream.close()
    engine.open_gate()
    other.stream.submit(windows(2))
    await other.wait_for(2)
    assert taker.frames == []


async def test_one_stream_alone_fills_a_batch_in_its_own_order(worker: InferenceWorker, engine: GatedEngine) -> None:
    taker = Taker(worker, engine, "a")
    taker.stream.submit(windows(6))
    engine.open_gate()
    await taker.wait_for(6)
    assert [len(batch) for batch in engine.batches][-1] > 1
    assert [frame.pts for frame in taker.frames] == list(range(6))


async def test_a_batch_takes_no_longer_than_a_live_voice_may_wait(engine: GatedEngine) -> None:
    worker = InferenceWorker()
    note(worker.cost, BATCH_NS // 2)
    video, live = Taker(worker, engine, "clip"), Taker(worker, engine, "live", lossy=True)
    video.demand, live.demand = Demand(10 * SLOT_NS), Demand(SLOT_NS)
    video.stream.submit(windows(50))
    live.stream.submit(windows(1))
    worker.start()
    engine.open_gate()
    await live.wait_for(1)
    assert engine.batches[0] == [("live", 0), ("clip", 0)], "two pictures fit, the urgent one first"
    await worker.aclose()


async def test_an_engine_slower_than_the_voice_repeats_pictures_and_cuts_no_sound(engine: GatedEngine) -> None:
    worker = InferenceWorker()
    note(worker.cost, 2 * SLOT_NS, now_ns=worker.clock.now_ns())
    taker = Taker(worker, engine, "live", lossy=True)
    taker.demand = Demand(playing=True)
    taker.stream.submit(windows(10))
    worker.start()
    engine.open_gate()
    await taker.wait_for(10)
    assert [frame.pts for frame in taker.frames] == list(range(10))
    drawn = [pts for batch in engine.batches for _, pts in batch]
    assert taker.stream.repeated == 10 - len(drawn) > 0
    assert drawn[0] == 0 and drawn[-2:] == [8, 9], "once it has caught up it draws again"
    await worker.aclose()


async def test_what_an_engine_costs_is_measured_on_the_thread(worker: InferenceWorker, engine: GatedEngine) -> None:
    engine.open_gate()
    await CostMeter(worker).measure(engine, Face("a"))
    assert engine.batches and worker.cost.knows(KEY)
    async with asyncio.timeout(5):
        while worker._streams:  # the measurement leaves
            await asyncio.sleep(0.001)


def test_a_stall_does_not_change_what_an_engine_costs() -> None:
    cost = EngineCost()
    note(cost, 10)
    note(cost, 2_000_000, batches=1)
    assert cost.wall_ns(KEY) == cost.work_ns(KEY, 0) == 10
    note(cost, 30, batches=100)
    assert cost.wall_ns(KEY) == cost.work_ns(KEY, 0) == 30, "a machine that has become slower is noticed"


def test_the_worst_of_late_is_known_at_once_and_soon_forgotten() -> None:
    cost = EngineCost()
    note(cost, 10)
    note(cost, 2_000_000, batches=1)
    note(cost, 10, batches=50, now_ns=LATELY_NS - 1)
    assert cost.worst_ns(KEY) == 2_000_000
    note(cost, 10, batches=1, now_ns=LATELY_NS)
    assert cost.worst_ns(KEY) == 10


def test_what_lasts_is_known_at_its_second_time_and_until_most_are_quick_again() -> None:
    cost = EngineCost()
    note(cost, 2_000_000, batches=1)
    assert cost.lasting_ns(KEY) == 0, "the first may be a stall"
    note(cost, 10, batches=50)
    note(cost, 2_000_000, batches=1)
    assert cost.lasting_ns(KEY) == 10
    note(cost, 2_000_000, batches=1)
    assert cost.lasting_ns(KEY) == 2_000_000
    note(cost, 10, batches=1)
    note(cost, 2_000_000, batches=1)
    assert cost.lasting_ns(KEY) == 10, "stalls now and then"
    note(cost, 2_000_000, batches=20)
    note(cost, 10, batches=5)
    assert cost.lasting_ns(KEY) == 2_000_000
    note(cost, 10, batches=20)
    assert cost.lasting_ns(KEY) == 10


def test_after_a_rush_the_cost_is_what_it_was_before() -> None:
    cost = EngineCost()
    note(cost, 10)
    note(cost, 50, batches=400, now_ns=1)
    assert cost.work_ns(KEY, 1) == cost.busy_ns(KEY, 1) == 50
    assert cost.work_ns(KEY, 1 + FRESH_NS) == cost.busy_ns(KEY, 1 + FRESH_NS) == 10


def test_how_long_the_thread_is_busy_is_what_pictures_add_up_to_not_the_usual_one() -> None:
    cost = EngineCost()
    for wall_ns in [10] * 6 + [40] * 3 + [9_000]:
        cost.note(KEY, 1, wall_ns, 1, now_ns=1)
    assert cost.wall_ns(KEY) == 10
    assert cost.busy_ns(KEY, 1) == 20, "a stall aside"


async def test_silence_does_not_make_an_engine_look_cheap(worker: InferenceWorker, engine: GatedEngine) -> None:
    engine.open_gate()
    note(worker.cost, 1000 * SLOT_NS, batches=10, now_ns=worker.clock.now_ns())
    taker = Taker(worker, engine, "a")
    taker.stream.submit(windows(40, silent=frozenset(range(40))))
    await taker.wait_for(40)
    assert worker.cost.work_ns(KEY, worker.clock.now_ns()) == 1000 * SLOT_NS
    assert worker.worked_ns > 0


class StallingEngine(GatedEngine):
    """Takes long for its fifth batch."""

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        if len(self.batches) == 4:
            time.sleep(0.3)
        return super().render(jobs)


async def test_a_stall_while_an_engine_is_measured_does_not_make_it_dear(worker: InferenceWorker) -> None:
    engine = StallingEngine()
    engine.open_gate()
    meter = CostMeter(worker)
    await asyncio.gather(*(meter.measure(engine, Face(name)) for name in "abc"))
    assert worker.cost.wall_ns(KEY) < 20_000_000
    assert len(engine.batches) == WARM_UPS + MEASURED, "one measurement was enough for all three"


async def test_an_engine_that_fails_while_it_is_measured_stays_unknown(
    worker: InferenceWorker, engine: GatedEngine
) -> None:
    engine.fail = True
    engine.open_gate()
    async with asyncio.timeout(5):
        await CostMeter(worker).measure(engine, Face("a"))
    assert not worker.cost.knows(KEY)


async def test_closing_twice_is_fine() -> None:
    worker = InferenceWorker()
    worker.start()
    await worker.aclose()
    await worker.aclose()


class Feeling(Face):
    """Has looks."""

    idle_motion: IdleMotion | None = cast(IdleMotion, SimpleNamespace(emphasis=lambda window: CALM))


class FeelingEngine(GatedEngine):
    """Draws how warm it feels."""

    max_batch = 1

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        super().render(jobs)
        return [np.full((3, 2), round(200 * job.expression.warm), np.uint8) for job in jobs]


class Ahead(HoardingSink):
    """Buffer A: frames wait, each at its place of the avatar's time, of which ``played`` slots have passed."""

    def __init__(self) -> None:
        super().__init__()
        self.played, self.due_ns = 0, 0

    @property
    def demand(self) -> Demand:
        return Demand(self.due_ns, self.played, len(self.frames) - self.played, False)

    @demand.setter
    def demand(self, demand: Demand) -> None:
        pass


WARM = Looks.of(Expression(warm=1.0))


def brightness(frames: list[TalkingFrame]) -> list[int]:
    return [int(frame.image[0, 0]) for frame in frames]


async def test_what_waits_is_drawn_again_and_what_is_shown_next_is_not(worker: InferenceWorker) -> None:
    engine, sink = FeelingEngine(), Ahead()
    stream = worker.open(engine, Feeling("a"), False, sink)
    engine.open_gate()
    stream.submit(windows(8))
    await sink.wait_for(8)
    assert brightness(sink.frames) == [0] * 8
    sink.played = 3
    stream.show(WARM, redraw=True)
    async with asyncio.timeout(10):
        while brightness(sink.frames) != [0] * (3 + AGAIN_AHEAD) + [200] * (5 - AGAIN_AHEAD):
            await asyncio.sleep(0.001)
    assert stream.in_flight == 0 == stream.repeated and len(sink.frames) == 8
    stream.show(Looks(), redraw=True)
    async with asyncio.timeout(10):
        while brightness(sink.frames) != [0] * 8:
            await asyncio.sleep(0.001)


async def test_what_is_due_goes_before_what_is_drawn_again(worker: InferenceWorker) -> None:
    engine = FeelingEngine()
    ahead, due = Ahead(), Taker(worker, engine, "due")
    stream = worker.open(engine, Feeling("ahead"), False, ahead)
    engine.gate.release(20)
    stream.submit(windows(20))
    await ahead.wait_for(20)
    now_ns = worker.clock.now_ns()
    ahead.due_ns, due.demand = now_ns + 2 * SLOT_NS, Demand(now_ns, 0, 0, True)
    del engine.batches[:]
    stream.show(WARM, redraw=True)
    due.stream.submit(windows(2))
    engine.open_gate()
    await due.wait_for(2)
    names = [str(batch[0][0]) for batch in engine.batches]
    assert names.index("due") <= 1, "one may have been under way"
    async with asyncio.timeout(10):
        while brightness(ahead.frames).count(200) < 20 - AGAIN_AHEAD:
            await asyncio.sleep(0.001)


async def test_an_interrupt_drops_what_is_to_be_drawn_again(worker: InferenceWorker) -> None:
    engine, sink = FeelingEngine(), Ahead()
    stream = worker.open(engine, Feeling("a"), False, sink)
    engine.gate.release(8)
    stream.submit(windows(8))
    await sink.wait_for(8)
    stream.show(WARM, redraw=True)
    stream.interrupt(1)
    sink.frames.clear()
    engine.open_gate()
    stream.submit(windows(3, generation=1))
    await sink.wait_for(3)
    assert brightness(sink.frames) == [200] * 3
    await asyncio.sleep(0.05)
    assert len(engine.batches) <= 8 + 1 + 3, "one may have been under way"


async def test_what_may_be_drawn_again_is_bounded(worker: InferenceWorker) -> None:
    engine, sink = FeelingEngine(), Ahead()
    stream = worker.open(engine, Feeling("a"), False, sink)
    engine.open_gate()
    for start in range(0, 300, 60):
        stream.submit(windows(60))
        await sink.wait_for(start + 60)
    assert len(stream._drawn) == DRAWN_HIGH
    for number in range(100):
        stream.show(Looks.of(Expression(warm=number / 100)), redraw=True)
        assert len(stream._again) <= DRAWN_HIGH
    stream.close()


async def test_a_face_without_looks_keeps_no_windows(worker: InferenceWorker, engine: GatedEngine) -> None:
    taker = Taker(worker, engine, "a")
    engine.open_gate()
    taker.stream.submit(windows(10))
    await taker.wait_for(10)
    taker.stream.show(WARM, redraw=True)
    await asyncio.sleep(0.05)
    assert sum(map(len, engine.batches)) == 10 and not taker.stream._drawn
