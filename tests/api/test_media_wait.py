from __future__ import annotations

import asyncio

import pytest

from app.api.media_wait import MediaWait
from app.errors import Refusal


async def begun(wait: MediaWait, watched: asyncio.Event) -> asyncio.Task[None]:
    task = asyncio.create_task(wait.run(watched))
    await asyncio.sleep(0)
    return task


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("by", ["sound", "a viewer"])
async def test_what_comes_after_media_is_excused_from_nothing(by: str) -> None:
    wait, watched = MediaWait(30), asyncio.Event()
    running = await begun(wait, watched)
    if by == "sound":
        wait.heard()
    else:
        watched.set()
    for _ in range(5):
        await asyncio.sleep(0)
    with wait.excused():  # as an offer is that comes behind sound
        await asyncio.sleep(0)
    assert not running.done()
    await ended(running)


async def test_time_that_is_excused_does_not_count() -> None:
    wait = MediaWait(0.1)
    running = await begun(wait, asyncio.Event())
    with wait.excused():
        await asyncio.sleep(0.3)
        assert not running.done()
    with pytest.raises(Refusal) as refused:
        await running
    assert refused.value.code == "media_timeout"
    with wait.excused():
        pass


async def test_media_that_come_while_it_is_excused_end_the_wait() -> None:
    wait = MediaWait(0.05)
    running = await begun(wait, asyncio.Event())
    with wait.excused():
        wait.heard()
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert not running.done()
    await ended(running)
