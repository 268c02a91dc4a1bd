"""What a peer connection leaves behind, over real sockets: nothing, whenever it is given up."""

from __future__ import annotations

import asyncio
import gc
import os

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from app.errors import Refusal
from app.rtc.connection import Connection
from app.rtc.ice_network import IceNetwork

pytestmark = pytest.mark.realtime


def sockets() -> int:
    gc.collect()
    count = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
        except OSError:  # the listing's own
            continue
    return count


def tasks_of_libraries() -> list[str]:
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith(("RTC", "Connection.query", "StunProtocol"))]


async def offer() -> tuple[RTCPeerConnection, str]:
    client = RTCPeerConnection()
    for kind in ("audio", "video"):
        client.addTransceiver(kind, "recvonly")
    await client.setLocalDescription(await client.createOffer())
    return client, client.localDescription.sdp


@pytest.mark.parametrize("turns", [1, 3, 6, 9, 11, 12, 14, 18])
async def test_an_answer_that_is_given_up_keeps_no_socket(turns: int) -> None:
    client, sdp = await offer()
    before = sockets()
    connection = Connection(IceNetwork())
    answering = asyncio.create_task(connection.answer(sdp))
    for _ in range(turns):
        await asyncio.sleep(0)
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    await connection.aclose()
    assert sockets() <= before
    await client.close()


@pytest.mark.parametrize("after_ms", range(0, 240, 20))
async def test_a_connection_closed_while_it_is_made_leaves_no_task(after_ms: int) -> None:
    client, sdp = await offer()
    connection = Connection(IceNetwork())
    answer = await connection.answer(sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await asyncio.sleep(after_ms / 1000)
    await connection.aclose()
    await client.close()
    async with asyncio.timeout(10):
        while tasks_of_libraries():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("line", ["a=mid:0", "a=mid:1", "a=group", "a=ice-ufrag", "a=fingerprint"])
async def test_an_offer_that_lacks_a_line_is_the_clients_fault_and_can_be_closed(line: str) -> None:
    client, sdp = await offer()
    kept = "".join(each for each in sdp.splitlines(keepends=True) if not each.startswith(line))
    connection = Connection(IceNetwork())
    try:
        await connection.answer(kept)
    except Refusal as refused:
        assert refused.code == "bad_sdp"
    async with asyncio.timeout(10):
        await connection.aclose()
        await connection.aclose()
    await client.close()


async def test_two_sections_of_one_name_are_the_clients_fault() -> None:
    client, sdp = await offer()
    connection = Connection(IceNetwork())
    with pytest.raises(Refusal) as refused:
        await connection.answer(sdp.replace("a=mid:1", "a=mid:0"))
    assert refused.value.code == "bad_sdp"
    await connection.aclose()
    await client.close()
