from __future__ import annotations

import asyncio

from app.api.outbox import Outbox


def event(kind: str, number: int = 0) -> dict[str, object]:
    return {"type": kind, "number": number}


async def test_messages_keep_their_order() -> None:
    outbox = Outbox(10)
    for number in range(3):
        assert outbox.put(event("speaking", number))
    assert [(await outbox.get())["number"] for _ in range(3)] == [0, 1, 2]


async def test_a_full_outbox_sheds_the_oldest_stats_and_nothing_else() -> None:
    outbox = Outbox(3)
    for number, kind in enumerate(["speaking", "stats", "stats", "interrupted"]):
        assert outbox.put(event(kind, number))
    assert [each["number"] for each in outbox.take_all()] == [0, 2, 3]


async def test_a_flood_meets_a_hard_end() -> None:
    outbox = Outbox(64)
    took = [outbox.put(event("interrupted", number)) for number in range(5000)]
    assert took == [True] * 64 + [False] * 4936
    assert len(outbox) == 64
    assert outbox.put(event("stats")), "stats that find no room are no loss"
    assert len(outbox) == 64


async def test_get_waits_for_something() -> None:
    outbox = Outbox(3)
    waiting = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.put(event("stats"))
    assert (await asyncio.wait_for(waiting, 1))["type"] == "stats"
