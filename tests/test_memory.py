from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app import memory


class Trims:
    """Counts how often memory was given back."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


async def test_memory_is_given_back_once_after_the_last_session(monkeypatch: pytest.MonkeyPatch) -> None:
    trims, sessions = Trims(), [False]
    monkeypatch.setattr(memory, "trim_heap", trims)
    watch = asyncio.create_task(memory.watch_memory(lambda: not sessions[0], period_s=0, measure=lambda: 0))

    async def passes() -> None:
        for _ in range(100):
            await asyncio.sleep(0.001)

    await passes()
    assert trims.count == 0, "nobody was here"
    sessions[0] = True
    await passes()
    assert trims.count == 0, "somebody is"
    sessions[0] = False
    await passes()
    assert trims.count == 1
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_memory_is_given_back_beside_a_session_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    held = [500 << 20]

    def trim() -> None:
        held[0] = 500 << 20
        trims.append(held[0])

    trims: list[int] = []
    monkeypatch.setattr(memory, "trim_heap", trim)
    watch = asyncio.create_task(memory.watch_memory(lambda: False, period_s=0, measure=lambda: held[0]))

    async def passes() -> None:
        for _ in range(100):
            await asyncio.sleep(0.001)

    await passes()
    assert not trims, "it holds what it held at first"
    for _ in range(3):
        held[0] += memory.GROWN + 1
        await passes()
    assert len(trims) == 3, "once each time that it grew, and not for ever"
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


def test_what_is_held_is_known_here() -> None:
    assert memory.anonymous_bytes() > 10 << 20
    assert memory.anonymous_bytes(Path("/proc/self/nothing")) == 0


def test_the_heap_can_be_limited_and_trimmed() -> None:
    memory.tune_heap()
    memory.trim_heap()


async def test_a_reserve_is_given_up_at_once_and_taken_again_by_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = memory.Reserve(64 << 20)
    before = memory.anonymous_bytes()
    reserve.fill()
    assert memory.anonymous_bytes() - before > 60 << 20
    reserve.give_up()
    memory.trim_heap()
    assert memory.anonymous_bytes() - before < 10 << 20
    monkeypatch.setattr(memory, "RESERVE", reserve)
    watch = asyncio.create_task(memory.watch_memory(lambda: True, period_s=0, measure=lambda: 0))
    await asyncio.sleep(0.05)
    watch.cancel()
    assert memory.anonymous_bytes() - before > 60 << 20
