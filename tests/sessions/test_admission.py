"""Who is let in: by places, and by what the machine has time for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import load_settings
from app.errors import Refusal
from app.inference.scheduler.cost import CostKey
from app.inference.scheduler.worker import InferenceWorker
from app.media import NS_PER_MS, SLOT_NS
from app.rtc.picture_encoder import Effort
from app.sessions.admission import LESS, MOST_LOAD, MOST_THREAD, Machine, SessionLoad, Terms, load, terms
from app.sessions.capacity import PATIENCE_NS, Capacity, Inside
from app.sessions.service import Service
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest
from app.threads import MeasuredPool
from tests.fakes import FakeClock
from tests.roomy import terms_at_least

PORTRAIT = SessionRequest(engine="portrait")
USABLE = 1.7  # cores
IDLE = Machine(cores=USABLE / MOST_LOAD, others=0, strained=False)
ALIVE, CALM = SessionLoad(inference=0.15, coding=0.1, rest=0.1, thread=0), SessionLoad(0.05, 0.1, 0.1, thread=0)
USUAL = Terms(True, Effort.USUAL)


def test_the_load_is_what_all_take_of_the_machine_or_of_the_one_thread() -> None:
    assert load(IDLE, []) == 0
    assert load(IDLE, [SessionLoad(0, 0.1, 0.1, 0)] * 3) == pytest.approx(0.6 / USABLE)
    assert load(replace(IDLE, cores=64), [SessionLoad(0, 0, 0, thread=MOST_THREAD / 2)] * 2) == pytest.approx(1), (
        "one thread draws"
    )
    assert load(replace(IDLE, others=USABLE), []) == pytest.approx(1)


def test_first_the_life_of_new_faces_goes_then_a_cheaper_encoder_comes_then_they_are_refused() -> None:
    inside: list[SessionLoad] = []
    given = []
    while (offered := terms(IDLE, inside, ALIVE, CALM)) is not None:
        given.append(offered)
        demand = ALIVE if offered.alive else CALM
        inside.append(demand if offered.effort is Effort.USUAL else replace(demand, coding=LESS * demand.coding))
    assert [offer.alive for offer in given] == sorted((offer.alive for offer in given), reverse=True)
    assert given[0] == USUAL and not given[-1].alive
    assert load(IDLE, inside) <= 1 < load(IDLE, [*inside, replace(CALM, coding=LESS * CALM.coding)])
    almost_full = [SessionLoad(0, USABLE - CALM.cores + 0.01, 0, 0)]
    assert terms(IDLE, almost_full, ALIVE, CALM) == Terms(False, Effort.LEAST)


def test_life_goes_while_there_is_room_for_others() -> None:
    living = int(0.75 * USABLE / ALIVE.cores)
    inside = [ALIVE] * (living - 1)
    assert terms(IDLE, inside, ALIVE, CALM) == USUAL
    inside.append(ALIVE)
    assert load(IDLE, [*inside, ALIVE]) <= 1, "there would be room for one more"
    assert terms(IDLE, inside, ALIVE, CALM) == Terms(False, Effort.USUAL)


def test_alone_a_session_may_take_what_it_takes() -> None:
    assert terms(replace(IDLE, others=5, strained=True), [], SessionLoad(3, 3, 3, 3), CALM) == USUAL


def test_nobody_joins_while_those_inside_suffer() -> None:
    assert terms(replace(IDLE, strained=True), [CALM], ALIVE, CALM) is None


KEY = CostKey("portrait", 768, 768, alive=True, moving=False)
CALM_KEY = replace(KEY, alive=False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def worker(clock: FakeClock) -> InferenceWorker:
    return InferenceWorker(clock)


@pytest.fixture
async def capacity(worker: InferenceWorker, clock: FakeClock) -> AsyncIterator[Capacity]:
    with MeasuredPool(1, "encoding") as encoders, MeasuredPool(1, "resting") as idle:
        yield Capacity(worker, encoders, idle, clock)


def settled(key: CostKey = KEY) -> Inside:
    return Inside(key, 0, 1000)


async def test_slots_that_come_late_close_the_door_and_it_opens_again(capacity: Capacity) -> None:
    inside = [settled()]
    for _ in range(100):
        capacity.note_slot(0)
    assert capacity.terms(inside, KEY, CALM_KEY) == USUAL
    for _ in range(10):
        capacity.note_slot(30 * NS_PER_MS)
    assert capacity.terms(inside, KEY, CALM_KEY) is None
    for _ in range(100):
        capacity.note_slot(0)
    assert capacity.terms(inside, KEY, CALM_KEY) == USUAL


async def test_a_gap_in_a_voice_closes_the_door_for_three_seconds(capacity: Capacity) -> None:
    slots = [1000, 1020, 1074, 1075]
    answers = [capacity.terms([Inside(KEY, 0, slot, last_gap=1000)], KEY, CALM_KEY) is not None for slot in slots]
    assert answers == [False, False, False, True]


async def test_a_gap_in_a_voice_that_has_just_begun_closes_no_door(capacity: Capacity) -> None:
    assert capacity.terms([Inside(KEY, 0, 60, last_gap=20)], KEY, CALM_KEY) == USUAL


async def test_who_asks_while_somebody_suffers_waits_for_that_to_pass_but_not_for_ever(
    capacity: Capacity, clock: FakeClock
) -> None:
    inside = [Inside(KEY, 0, 1010, last_gap=1000)]
    waiting = asyncio.create_task(capacity.until_known(lambda: inside))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    inside[0] = replace(inside[0], slots=1100)
    async with asyncio.timeout(2):
        await waiting
    inside[0] = replace(inside[0], last_gap=1099)
    waiting = asyncio.create_task(capacity.until_known(lambda: inside))
    await asyncio.sleep(0)
    clock.time_ns += PATIENCE_NS
    async with asyncio.timeout(2):
        await waiting


async def test_nobody_waits_while_there_is_room_for_many(capacity: Capacity, clock: FakeClock) -> None:
    async with asyncio.timeout(1):
        await capacity.until_known(lambda: [Inside(KEY, clock.now_ns(), 0)])


async def test_near_the_end_each_waits_until_the_last_one_is_known(
    capacity: Capacity, worker: InferenceWorker, clock: FakeClock
) -> None:
    for _ in range(20):
        worker.cost.note(KEY, 1, SLOT_NS // 2, SLOT_NS // 2, clock.now_ns())
    new = Inside(KEY, clock.now_ns(), 0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await capacity.until_known(lambda: [new])
    async with asyncio.timeout(1):
        await capacity.until_known(lambda: [replace(new, slots=1000)])
        await capacity.until_known(lambda: [replace(new, since_ns=new.since_ns - PATIENCE_NS)])


async def test_who_waits_goes_on_as_soon_as_the_last_one_has_settled_or_left(
    capacity: Capacity, worker: InferenceWorker, clock: FakeClock
) -> None:
    for _ in range(20):
        worker.cost.note(KEY, 1, SLOT_NS // 2, SLOT_NS // 2, clock.now_ns())
    inside = [Inside(KEY, clock.now_ns(), 0)]
    waiting = asyncio.create_task(capacity.until_known(lambda: inside))
    await asyncio.sleep(0)
    assert not waiting.done()
    inside[0] = replace(inside[0], slots=1000)
    async with asyncio.timeout(2):
        await waiting


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    started = Service(load_settings(data_dir=tmp_path, weights_dir=tmp_path, max_sessions=3, life=False))
    await started.start()
    yield started
    await started.aclose()


async def open_one(service: Service) -> Session:
    return await service.open(PORTRAIT)


def dear(service: Service, session: Session, share: float) -> None:
    """Make what a session is drawn for take so much of the thread."""
    service.worker.cost.forget(session.inside.key)
    for _ in range(20):
        ns = int(SLOT_NS * share)
        service.worker.cost.note(session.inside.key, 1, ns, ns, service.clock.now_ns())


async def test_the_cost_is_known_before_the_first_session(service: Service) -> None:
    session = await open_one(service)
    cost, key = service.worker.cost, session.inside.key
    assert cost.knows(key) and 0 < cost.work_ns(key, service.clock.now_ns()) < SLOT_NS


async def test_a_session_that_would_make_the_others_late_is_refused_before_it_starts(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.capacity.PATIENCE_NS", 0)
    first = await open_one(service)
    dear(service, first, 0.6)
    with pytest.raises(Refusal, match="busy with one face") as refused:
        await open_one(service)
    assert refused.value.code == "server_busy"
    await service.close(first)
    await open_one(service)  # its place is free again, and the refused one took none


async def test_alone_an_engine_may_be_slower_than_the_voice(service: Service) -> None:
    session = await open_one(service)
    dear(service, session, 3)
    await service.close(session)
    await open_one(service)
    assert service.worker.cost.busy_ns(session.inside.key, service.clock.now_ns()) == 3 * SLOT_NS


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have time for whomever there is a place for, whatever else this machine does."""
    monkeypatch.setattr("app.sessions.admission.terms", terms_at_least)


@pytest.mark.usefixtures("roomy")
async def test_places_are_counted_too(service: Service) -> None:
    for _ in range(3):
        await open_one(service)
    with pytest.raises(Refusal, match="3 places") as refused:
        await open_one(service)
    assert refused.value.code == "server_full"


@pytest.mark.usefixtures("roomy")
async def test_many_who_ask_at_once_are_let_in_one_by_one(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is judged before the one before it counts."""
    counts: list[int] = []
    judge = service.capacity.terms

    def judging(inside: list[Inside], alive: CostKey, calm: CostKey) -> Terms | None:
        counts.append(len(inside))
        return judge(inside, alive, calm)

    monkeypatch.setattr(service.capacity, "terms", judging)
    await asyncio.gather(*(open_one(service) for _ in range(3)))
    assert counts == [0, 1, 2]


async def test_where_time_is_short_a_further_face_only_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sessions.capacity.PATIENCE_NS", 0)
    monkeypatch.setattr("app.sessions.capacity.usable_cores", lambda: 64.0)  # only the thread is short
    service = Service(load_settings(data_dir=tmp_path, weights_dir=tmp_path, max_sessions=9))
    await service.start()
    try:
        first = await open_one(service)
        dear(service, first, MOST_THREAD - 0.1)
        cheap = replace(first.inside.key, alive=False)
        service.worker.cost.forget(cheap)
        for _ in range(20):
            service.worker.cost.note(cheap, 1, SLOT_NS // 50, SLOT_NS // 50, service.clock.now_ns())
        faces = [await open_one(service) for _ in range(3)]
        assert [face.cast.prepared.idle_motion is not None for face in faces] == [False] * 3
    finally:
        await service.aclose()
