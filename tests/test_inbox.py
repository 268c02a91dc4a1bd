from __future__ import annotations

import asyncio

from app.ingest.inbox import Mark, PcmInbox


async def test_items_keep_their_order_with_marks_between() -> None:
    inbox = PcmInbox(100)
    for item in (b"one", Mark.FLUSH, b"two"):
        inbox.put(item)
    assert [await inbox.get() for _ in range(3)] == [b"one", Mark.FLUSH, b"two"]


async def test_a_full_inbox_blocks_the_route_until_half_is_gone() -> None:
    inbox = PcmInbox(100)
    inbox.put(bytes(60))
    inbox.put(bytes(60))
    waiting = asyncio.create_task(inbox.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await inbox.get()
    await asyncio.sleep(0)
    assert not waiting.done()  # 60 bytes are left, more than half of 100
    await inbox.get()
    await asyncio.wait_for(waiting, 1)


async def test_clear_empties_and_makes_room() -> None:
    inbox = PcmInbox(100)
    inbox.put(bytes(200))
    inbox.clear()
    assert len(inbox) == 0
    await asyncio.wait_for(inbox.wait_for_room(), 1)


async def test_get_waits_for_something() -> None:
    inbox = PcmInbox(100)
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put(b"x")
    assert await waiting == b"x"
