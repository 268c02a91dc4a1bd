"""Candidates that come late, and ICE restarts, over real sockets on this machine."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import aioice
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.rtcicetransport import candidate_from_aioice, candidate_to_aioice

from app.config import IceServer
from app.errors import Refusal
from app.rtc.connection import Connection
from app.rtc.ice_connection import CANDIDATES_HIGH
from app.rtc.ice_fragment import IceFragment, without_candidates
from app.rtc.ice_network import IceNetwork
from tests.e2e.test_connection import sockets, tasks_of_libraries

pytestmark = pytest.mark.realtime

LIMIT_S = 20  # for what takes a moment on a quiet machine


class Pair:
    """A connection of ours, and a peer who offered without a candidate."""

    def __init__(self) -> None:
        self.ours, self.theirs = Connection(IceNetwork()), RTCPeerConnection()

    async def exchange(self) -> None:
        for kind in ("audio", "video"):
            self.theirs.addTransceiver(kind, "recvonly")
        await self.theirs.setLocalDescription(await self.theirs.createOffer())
        answer = await self.ours.answer(without_candidates(self.theirs.localDescription.sdp))
        # the peer knows none of our candidates either, so that nothing is found by itself
        await self.theirs.setRemoteDescription(RTCSessionDescription(without_candidates(answer), "answer"))

    def fragment(self) -> IceFragment:
        """All of the peer's candidates."""
        return IceFragment.parse(self.theirs.localDescription.sdp)

    async def connect(self) -> None:
        await self.exchange()
        self.ours.ice.add(self.fragment())
        async with asyncio.timeout(LIMIT_S):
            while "connected" not in (self.ours.peer.connectionState, self.theirs.connectionState):
                await asyncio.sleep(0.02)
            while self.ours.peer.connectionState != self.theirs.connectionState:
                await asyncio.sleep(0.02)

    @property
    def path(self) -> aioice.Connection:
        """What our side's packets leave by."""
        connection: aioice.Connection = self.ours.peer.getSenders()[0].transport.transport._connection
        return connection


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    pair = Pair()
    yield pair
    await pair.theirs.close()
    await pair.ours.aclose()
    async with asyncio.timeout(LIMIT_S):
        while tasks_of_libraries():
            await asyncio.sleep(0.05)


async def fresh(pair: Pair) -> tuple[aioice.Connection, IceFragment]:
    """Begin another ICE session on the peer's side."""
    connection = aioice.Connection(ice_controlling=True)
    await connection.gather_candidates()
    candidates = tuple(candidate_from_aioice(each) for each in connection.local_candidates)
    return connection, IceFragment(connection.local_username, connection.local_password, candidates, True)


async def join(connection: aioice.Connection, answer: IceFragment) -> None:
    connection.remote_username, connection.remote_password = answer.ufrag or "", answer.pwd or ""
    for candidate in answer.candidates:
        await connection.add_remote_candidate(candidate_to_aioice(candidate))
    await connection.add_remote_candidate(None)
    await connection.connect()


async def test_candidates_that_come_later_connect(pair: Pair) -> None:
    await pair.connect()


async def test_candidates_of_another_ice_session_are_ignored(pair: Pair) -> None:
    await pair.exchange()
    fragment = pair.fragment()
    pair.ours.ice.add(IceFragment("other", None, fragment.candidates, True))
    await asyncio.sleep(0.3)
    assert not pair.path.remote_candidates
    pair.ours.ice.add(IceFragment(None, None, fragment.candidates, True))
    await asyncio.sleep(0.1)
    # those of the second section went with its sockets, as the two are bundled
    theirs = {each.port for each in fragment.candidates if each.sdpMid == "0"}
    assert {each.port for each in pair.path.remote_candidates} == theirs, "who names none means the one there is"


async def test_a_flood_of_candidates_is_cut(pair: Pair) -> None:
    await pair.exchange()
    for start in range(1, 20 * CANDIDATES_HIGH, 16):
        lines = "".join(f"a=candidate:1 1 udp 1 10.9.8.7 {port} typ host\r\n" for port in range(start, start + 16))
        pair.ours.ice.add(IceFragment.parse(lines))
    await asyncio.sleep(0.1)
    assert len(pair.path.remote_candidates) == CANDIDATES_HIGH


async def test_a_restart_takes_another_path_under_a_connection_that_goes_on(pair: Pair) -> None:
    await pair.connect()
    before, state = pair.path, pair.ours.peer.connectionState
    connection, fragment = await fresh(pair)
    assert pair.ours.ice.is_restart(fragment) and not pair.ours.ice.is_restart(pair.fragment())
    answer = await pair.ours.ice.restart(fragment)
    assert answer.ufrag != before.local_username and answer.candidates and answer.complete
    assert not pair.ours.ice.is_restart(fragment), "it is known by now"
    await join(connection, answer)
    async with asyncio.timeout(LIMIT_S):
        while pair.path is before:
            await asyncio.sleep(0.02)
        # what leaves now comes to the new place, and what comes from there is read
        transport = pair.ours.peer.getSenders()[0].transport
        await transport.transport._send(b"\x80to the new place")
        while await connection.recv() != b"\x80to the new place":
            pass
        read = transport._get_stats()[transport._stats_id].packetsReceived
        await connection.send(b"\xc8from there")
        while transport._get_stats()[transport._stats_id].packetsReceived == read:
            await asyncio.sleep(0.02)
        while before._protocols:  # its sockets are closed
            await asyncio.sleep(0.02)
    assert pair.ours.peer.connectionState == state == "connected"
    await connection.close()


async def test_restarts_that_nobody_follows_leave_one_at_most_and_nothing_at_the_end(pair: Pair) -> None:
    await pair.connect()
    before, had = pair.path, sockets()
    room = len(before.local_candidates)
    for number in range(5):
        await pair.ours.ice.restart(IceFragment(f"nobody{number}", "a" * 22, (), False))
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    assert sockets() <= had + room, "the newest one alone waits"
    assert pair.path is before and pair.ours.peer.connectionState == "connected"
    await pair.ours.ice.aclose()
    assert sockets() <= had


async def test_many_restarts_at_once_leave_one(pair: Pair) -> None:
    await pair.connect()
    had, room = sockets(), len(pair.path.local_candidates)
    wishes = [IceFragment(f"nobody{number}", "a" * 22, (), True) for number in range(8)]
    answers = await asyncio.gather(*(pair.ours.ice.restart(wish) for wish in wishes))
    assert len({answer.ufrag for answer in answers}) == len(wishes)
    await asyncio.sleep(0.1)
    assert sockets() <= had + room


async def test_a_restart_before_there_was_a_path_makes_the_first_one(pair: Pair) -> None:
    await pair.exchange()
    await asyncio.sleep(0)
    connection, fragment = await fresh(pair)
    # DTLS goes over the new path: the peer's own transport uses it too
    answer = await pair.ours.ice.restart(fragment)
    await join(connection, answer)
    async with asyncio.timeout(LIMIT_S):
        while pair.ours.peer.getSenders()[0].transport.transport.state != "completed":
            await asyncio.sleep(0.02)
        hello = await connection.recv()
    assert 19 < hello[0] < 64, "it shakes hands"
    await connection.close()


async def test_a_restart_without_a_bundle_and_of_a_closed_connection_is_refused(pair: Pair) -> None:
    await pair.connect()
    await pair.ours.aclose()
    with pytest.raises(Refusal) as refused:
        await pair.ours.ice.restart(IceFragment("late", "a" * 22))
    assert refused.value.code == "session_over"
    unbundled, theirs = Connection(IceNetwork()), RTCPeerConnection()
    for kind in ("audio", "video"):
        theirs.addTransceiver(kind, "recvonly")
    await theirs.setLocalDescription(await theirs.createOffer())
    await unbundled.answer(re.sub("a=group:BUNDLE.*\r\n", "", theirs.localDescription.sdp))
    with pytest.raises(Refusal) as refused:
        await unbundled.ice.restart(IceFragment("apart", "a" * 22))
    assert refused.value.code == "bad_sdp"
    await unbundled.aclose()
    await theirs.close()


async def test_a_server_that_does_not_answer_is_given_a_second() -> None:
    theirs, connection = RTCPeerConnection(), Connection(IceNetwork((IceServer("stun:127.0.0.1:1"),)))
    for kind in ("audio", "video"):
        theirs.addTransceiver(kind, "recvonly")
    await theirs.setLocalDescription(await theirs.createOffer())
    begun = asyncio.get_running_loop().time()
    answer = await connection.answer(theirs.localDescription.sdp)
    if (took_s := asyncio.get_running_loop().time() - begun) > 4:  # aiortc's own wait is 5
        pytest.fail(f"the answer took {took_s:.1f} s")
    assert "a=candidate" in answer
    await connection.aclose()
    await theirs.close()
