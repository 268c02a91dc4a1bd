from __future__ import annotations

import asyncio

import pytest

from app.errors import Refusal
from app.sessions.event_queue import Announcer, EventQueue
from app.sessions.events import Failed, Interrupted, Speaking, Stats


def stats(number: int) -> Stats:
    return Stats(25.0, number, *[0] * 15)


async def test_events_keep_their_order_and_end_with_the_session() -> None:
    announcer = Announcer()
    first, second = announcer.listen(), announcer.listen()
    for number in range(3):
        announcer.announce(Interrupted(number))
    announcer.end()
    for queue in (first, second):
        assert [event async for event in queue] == [Interrupted(number) for number in range(3)]
    assert [event async for event in announcer.listen()] == [], "nothing happens after the end"


async def test_a_full_queue_sheds_the_oldest_stats_and_nothing_else() -> None:
    queue = EventQueue(3)
    for event in (Speaking(True, 0), stats(1), stats(2), Interrupted(3)):
        queue.put(event)
    queue.end()
    assert [event async for event in queue] == [Speaking(True, 0), stats(2), Interrupted(3)]


async def test_a_listener_that_does_not_take_a_flood_meets_a_hard_end_and_no_other_listener_does() -> None:
    announcer = Announcer()
    asleep, awake = announcer.listen(), announcer.listen()
    heard = 0
    for number in range(5000):
        announcer.announce(Interrupted(number))
        assert len(asleep) <= 256
        heard += await anext(awake) == Interrupted(number)
    assert heard == 5000
    with pytest.raises(Refusal) as refused:
        await anext(asleep)
    assert refused.value.code == "not_reading"


async def test_stats_that_find_no_room_are_no_loss() -> None:
    queue = EventQueue(2)
    for number in range(2):
        queue.put(Interrupted(number))
    queue.put(stats(2))
    assert await anext(queue) == Interrupted(0)


async def test_a_listener_waits_for_something_to_happen() -> None:
    queue = EventQueue()
    waiting = asyncio.ensure_future(anext(queue))
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put(stats(1))
    assert await asyncio.wait_for(waiting, 1) == stats(1)


async def test_a_listener_that_leaves_is_forgotten_and_one_that_comes_late_hears_of_the_failure() -> None:
    announcer = Announcer()
    gone, here = announcer.listen(), announcer.listen()
    gone.close()
    gone.close()
    failed = Failed(Refusal("engine_failed", "It broke."))
    announcer.announce(failed)
    announcer.end()
    assert len(gone) == 0 and [event async for event in gone] == []
    assert [event async for event in here] == [event async for event in announcer.listen()] == [failed]
