from __future__ import annotations

import asyncio

import pytest

from app.ingest.inbox import FREE_BYTES, ITEM_BYTES, PcmInbox, Waiting

FLUSH = "flush"  # what stands between the bytes


async def test_items_keep_their_order_with_notes_between() -> None:
    inbox: PcmInbox[str] = PcmInbox(100)
    for item in (b"one", FLUSH, b"two"):
        inbox.put(item)
    assert [await inbox.get() for _ in range(3)] == [b"one", FLUSH, b"two"]


async def test_a_full_inbox_blocks_the_route_until_half_is_gone() -> None:
    inbox: PcmInbox[str] = PcmInbox(300)
    inbox.put(bytes(60))
    inbox.put(bytes(60))
    waiting = asyncio.create_task(inbox.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await inbox.get()
    await asyncio.sleep(0)
    assert not waiting.done()  # 60 bytes and what the message counts for are left, more than half of 300
    await inbox.get()
    await asyncio.wait_for(waiting, 1)


@pytest.mark.parametrize("item", [b"", FLUSH])
async def test_a_flood_of_messages_without_sound_fills_it_too(item: bytes | str) -> None:
    inbox: PcmInbox[str] = PcmInbox(100_000)
    put = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            while put < 5000:
                await inbox.wait_for_room()
                inbox.put(item)
                put += 1
    assert put == 100_000 // ITEM_BYTES


async def test_clear_empties_and_makes_room() -> None:
    inbox: PcmInbox[str] = PcmInbox(100)
    inbox.put(bytes(200))
    inbox.clear()
    assert len(inbox) == 0
    await asyncio.wait_for(inbox.wait_for_room(), 1)


async def test_get_waits_for_something() -> None:
    inbox: PcmInbox[str] = PcmInbox(100)
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put(b"x")
    assert await waiting == b"x"


async def test_where_too_much_waits_in_all_of_them_small_ones_still_have_room() -> None:
    waiting = Waiting(4 * FREE_BYTES)
    large, small = (PcmInbox[str](100 * FREE_BYTES, waiting) for _ in range(2))
    while large.has_room:
        large.put(bytes(FREE_BYTES // 4))
    assert waiting.bytes <= 4.5 * FREE_BYTES
    small.put(bytes(1000))
    assert small.has_room
    while not large.has_room:
        await large.get()
    assert not waiting.is_full
    large.clear()
    small.clear()
    assert waiting.bytes == 0
