from __future__ import annotations

import asyncio

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
    watch = asyncio.create_task(memory.watch_idle_memory(lambda: not sessions[0], period_s=0))

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


def test_the_heap_can_be_limited_and_trimmed() -> None:
    memory.tune_heap()
    memory.trim_heap()
