from __future__ import annotations

import asyncio

import pytest

from app.errors import Refusal
from app.sessions.event_queue import HISTORY, QUEUE_LIMIT, Announcer, EventQueue
from app.sessions.events import Failed, Interrupted, SessionEvent, Speaking, Stats, Told


def cut(number: int) -> Interrupted:
    return Interrupted(None, 0, number)


async def taken(queue: EventQueue) -> list[SessionEvent]:
    return [told.event async for told in queue]


def stats(number: int) -> Stats:
    return Stats(25.0, number, *[0] * 15)


async def test_events_keep_their_order_and_end_with_the_session() -> None:
    announcer = Announcer()
    first, second = announcer.listen(), announcer.listen()
    for number in range(3):
        announcer.announce(cut(number))
    announcer.end()
    for queue in (first, second):
        assert await taken(queue) == [cut(number) for number in range(3)]
    assert await taken(announcer.listen()) == [], "nothing happens after the end"


async def test_a_full_queue_sheds_the_oldest_stats_and_nothing_else() -> None:
    queue = EventQueue(3)
    for event in (Speaking(True, "1", 0, False), stats(1), stats(2), cut(3)):
        queue.put(Told(1, event))
    queue.end()
    assert await taken(queue) == [Speaking(True, "1", 0, False), stats(2), cut(3)]


async def test_a_listener_that_does_not_take_a_flood_meets_a_hard_end_and_no_other_listener_does() -> None:
    announcer = Announcer()
    asleep, awake = announcer.listen(), announcer.listen()
    heard = 0
    for number in range(20_000):
        announcer.announce(cut(number))
        assert len(asleep) <= QUEUE_LIMIT
        heard += (await anext(awake)).event == cut(number)
    assert heard == 20_000
    with pytest.raises(Refusal) as refused:
        await anext(asleep)
    assert refused.value.code == "not_reading"


async def test_stats_that_find_no_room_are_no_loss() -> None:
    queue = EventQueue(2)
    for number in range(2):
        queue.put(Told(number, cut(number)))
    queue.put(Told(None, stats(2)))
    assert (await anext(queue)).event == cut(0)


async def test_a_listener_waits_for_something_to_happen() -> None:
    queue = EventQueue()
    waiting = asyncio.ensure_future(anext(queue))
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put(Told(None, stats(1)))
    assert (await asyncio.wait_for(waiting, 1)).event == stats(1)


async def test_a_listener_that_leaves_is_forgotten_and_one_that_comes_late_hears_of_the_failure() -> None:
    announcer = Announcer()
    gone, here = announcer.listen(), announcer.listen()
    gone.close()
    gone.close()
    failed = Failed(Refusal("engine_failed", "It broke."))
    announcer.announce(failed)
    announcer.end()
    assert len(gone) == 0 and await taken(gone) == []
    assert await taken(here) == await taken(announcer.listen()) == [failed]


async def test_events_are_counted_and_told_again_to_who_lost_the_connection() -> None:
    announcer = Announcer()
    for number in range(1, 6):
        announcer.announce(cut(number))
        announcer.announce(stats(number))
    again = announcer.listen(after=3)
    announcer.announce(cut(6))
    announcer.end()
    assert [(told.seq, told.event) async for told in again] == [(number, cut(number)) for number in (4, 5, 6)]
    assert announcer.last_seq == 6


async def test_no_more_than_the_last_events_are_kept_for_that() -> None:
    announcer = Announcer()
    for number in range(10_000):
        announcer.announce(cut(number))
    assert len(announcer.listen(after=0)) == HISTORY
