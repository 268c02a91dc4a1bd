"""An engine that fails: who is drawn by it is told or goes on, and a neighbour says every word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from app.i420 import plain
from app.inference.engine import Job
from app.media import SLOT_MS
from tests.faults.stage import SIDE, SPOKEN, FaultyEngine, Gate, Stage, until

pytestmark = pytest.mark.realtime

SLICES = 50


def broken(jobs: Sequence[Job]) -> Any:
    raise ValueError("broken")


def leaving(jobs: Sequence[Job]) -> Any:
    raise SystemExit(1)


FAULTS: dict[str, Callable[[Sequence[Job]], Any]] = {
    "raises": broken,
    "wants to end the process": leaving,
    "another size": lambda jobs: [plain(SIDE * 2, SIDE, 200) for _ in jobs],
    "another type": lambda jobs: [SPOKEN.astype(np.float32) for _ in jobs],
    "too few": lambda jobs: [],
    "too many": lambda jobs: [SPOKEN for _ in range(len(jobs) + 1)],
    "colours": lambda jobs: [np.zeros((SIDE, SIDE, 3), np.uint8) for _ in jobs],
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_an_engine_that_fails_ends_its_session_with_a_word_and_no_other(stage: Stage, fault: str) -> None:
    faulty, sound = FaultyEngine(), FaultyEngine("sound")
    ill, neighbour = stage.open(faulty), stage.open(sound)
    faulty.fault = FAULTS[fault]
    await asyncio.gather(stage.say(ill, SLICES), stage.say(neighbour, SLICES))
    await until(lambda: ill.failure)
    assert ill.failure == "engine_failed"
    await until(lambda: neighbour.finished)
    assert neighbour.finished[0].played_ms == SLICES * SLOT_MS
    assert neighbour.failure is None and neighbour.session.stats().repeats == 0


async def test_one_face_that_cannot_be_drawn_leaves_the_batch_to_the_others(stage: Stage) -> None:
    """Of the same engine, so that both come in one batch."""
    engine = FaultyEngine()
    ill, neighbour = stage.open(engine), stage.open(engine)
    its = ill.session.cast.prepared
    engine.fault = lambda jobs: broken(jobs) if any(job.prepared is its for job in jobs) else [SPOKEN for _ in jobs]
    await asyncio.gather(stage.say(ill, SLICES), stage.say(neighbour, SLICES))
    await until(lambda: ill.failure and neighbour.finished)
    assert neighbour.finished[0].played_ms == SLICES * SLOT_MS and neighbour.failure is None


async def test_while_an_engine_hangs_every_voice_goes_on_and_then_the_lips_do(stage: Stage) -> None:
    faulty, sound = FaultyEngine(), FaultyEngine("sound")
    ill, neighbour = stage.open(faulty), stage.open(sound)
    gate = faulty.fault = Gate()
    try:
        await stage.say(ill, SLICES)
        await until(gate.reached.is_set)
        await stage.say(neighbour, SLICES)
        await until(lambda: ill.finished and neighbour.finished)
        assert not gate.opened.is_set(), "all that while the engine hung"
    finally:
        gate.opened.set()
    for ear in (ill, neighbour):
        assert ear.finished[0].played_ms == SLICES * SLOT_MS
        assert ear.failure is None
        assert ear.session.stats().repeats >= SLICES, "counted, so that stats tell"
    repeated = ill.session.stats().repeats
    faulty.fault = None
    await until(lambda: stage.worker._act is None)
    await stage.say(ill, SLICES)
    await until(lambda: len(ill.finished) == 2)
    assert ill.finished[1].played_ms == SLICES * SLOT_MS
    assert ill.session.stats().repeats < repeated + SLICES, "it draws again"


async def test_what_a_stuck_engine_brings_too_late_is_not_played_twice(stage: Stage) -> None:
    engine = FaultyEngine()
    ear = stage.open(engine)
    gate = engine.fault = Gate()
    try:
        await stage.say(ear, SLICES)
        await until(lambda: ear.session.stats().repeats > 10)
    finally:
        engine.fault = None
        gate.opened.set()
    await until(lambda: ear.finished)
    assert ear.finished[0].played_ms == SLICES * SLOT_MS
    assert ear.session.stats().pending == 0


async def test_without_memory_for_pictures_a_face_goes_on_speaking(stage: Stage) -> None:
    engine = FaultyEngine()
    ear = stage.open(engine)

    def exhausted(jobs: Sequence[Job]) -> Any:
        raise MemoryError

    engine.fault = exhausted
    await stage.say(ear, SLICES)
    await until(lambda: ear.finished)
    assert ear.finished[0].played_ms == SLICES * SLOT_MS and ear.failure is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_an_inference_thread_that_dies_is_started_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FaultyEngine()
    first, second = stage.open(engine), stage.open(engine)
    was = stage.worker._thread
    next_batch, deaths = stage.worker._next_batch, [1]

    def once_fatal() -> Any:
        batch = next_batch()
        if batch and deaths.pop() if deaths else False:
            raise SystemExit
        return batch

    monkeypatch.setattr(stage.worker, "_next_batch", once_fatal)
    await asyncio.gather(stage.say(first, SLICES), stage.say(second, SLICES))
    await until(lambda: first.finished or second.finished)
    assert stage.worker._thread is not was
    # what the thread had in its hands is lost, a batch at most
    for ear in (first, second):
        await until(partial(getattr, ear, "finished"))
        assert ear.finished[0].played_ms >= (SLICES - 8) * SLOT_MS
        assert ear.failure is None


async def test_an_engine_that_never_comes_back_does_not_keep_the_service_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.inference.scheduler.worker.JOIN_S", 0.1)
    stage, engine = Stage(), FaultyEngine()
    gate = engine.fault = Gate()
    ear = stage.open(engine)
    await stage.say(ear, SLICES)
    await until(gate.reached.is_set)
    async with asyncio.timeout(30):
        await stage.aclose()
    gate.opened.set()
