"""One peer's ICE after the first exchange: candidates that come later, and restarts."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from aioice import Candidate
from aioice import Connection as AioiceConnection
from aioice.ice import CandidatePair
from aiortc import RTCIceCandidate, RTCIceTransport, RTCPeerConnection
from aiortc.rtcicetransport import RTCIceParameters, candidate_from_aioice, candidate_to_aioice

from app.errors import Refusal
from app.rtc.check_budget import CheckBudget
from app.rtc.ice_connection import CANDIDATES_HIGH, IceConnection
from app.rtc.ice_fragment import IceFragment
from app.rtc.ice_network import IceNetwork

logger = logging.getLogger(__name__)

RESTART_S = 20  # from a restart's answer to the last of the peer's candidates
ICE_COMPLETED = 1  # as aioice says it to itself

Candidates = Sequence[RTCIceCandidate]


class IceAgent:
    """Adds what a peer says later to the transports of its connection.

    Bound: 32 candidates of the peer in each ICE session, more are left out; one restart at a time, the newest; packets
    to addresses that do not answer by :class:`CheckBudget`, one for all that this peer begins.

    aiortc knows no restart. Here a new aioice connection is made beside the one in use, on sockets of its own; what
    arrives on either goes into one queue, so the DTLS transport above notices nothing. Once the new one has a path it
    takes the old one's place, which is closed: media go on all the time. Made for the pinned aiortc and aioice;
    ``tests/rtc/test_ice_agent.py`` and ``tests/e2e/test_whep_clients.py`` fail where they move.
    """

    def __init__(self, peer: RTCPeerConnection, network: IceNetwork) -> None:
        self._peer, self._network, self._budget = peer, network, CheckBudget()
        self._tasks: set[asyncio.Task[None]] = set()
        self._next: IceConnection | None = None  # has no path yet
        self._restarting: asyncio.Task[None] | None = None
        self._one_restart = asyncio.Lock()
        self._accepted = 0  # candidates
        self._ended = False

    def prepare(self) -> None:
        """Put our own kind of connection into each transport, before it gathers."""
        for transport in {_transport_of(transceiver) for transceiver in self._peer.getTransceivers()}:
            _put_into(transport, IceConnection.in_place_of(transport._connection, self._network, self._budget))

    def add(self, fragment: IceFragment) -> None:
        """Take candidates of the newest ICE session, or those that a fragment names; others are too late to matter."""
        if self._ended:
            return
        if self._next is not None and fragment.ufrag in (None, self._next.remote_username):
            self._add(self._next, fragment.candidates, fragment.complete)
            return
        transports = self._transports()
        # a bundle's transport is that of its first section; the others had sockets of their own, which are gone
        tags = {transport: mid for mid, transport in reversed(transports.items())}
        first = next(iter(transports), None)
        for transport, tag in tags.items():
            connection = transport._connection
            if connection.remote_username in (None, fragment.ufrag or connection.remote_username):
                mids = [each.sdpMid if each.sdpMid in transports else first for each in fragment.candidates]
                here = [each for each, mid in zip(fragment.candidates, mids, strict=True) if mid == tag]
                self._add(connection, here, fragment.complete)

    def is_restart(self, fragment: IceFragment) -> bool:
        """Whether a fragment begins a new ICE session: it names one that is not known, with its password."""
        known = {transport._connection.remote_username for transport in self._transports().values()}
        if self._next is not None:
            known.add(self._next.remote_username)
        return None not in known | {fragment.ufrag, fragment.pwd} and fragment.ufrag not in known

    async def restart(self, fragment: IceFragment) -> IceFragment:
        """Begin a new ICE session with a peer that has begun one; returns this side's names and candidates.

        Raises:
            Refusal: ``bad_sdp`` where the sections are not bundled; ``session_over`` where the connection has ended;
                ``no_media_port``.
        """
        async with self._one_restart:
            return await self._restart(fragment)

    async def aclose(self) -> None:
        """Give up what is still being tried; the peer connection closes what is in use."""
        self._ended = True
        await self._give_up_restart()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _restart(self, fragment: IceFragment) -> IceFragment:
        transports = self._transports()
        transport = next(iter(transports.values()))
        if len({id(each) for each in transports.values()}) > 1:
            raise Refusal(
                "bad_sdp", "ICE restarts where the sections share one transport; offer them as a BUNDLE group."
            )
        connection = IceConnection.beside(transport._connection, self._network, self._budget)
        connection._queue = transport._connection._queue
        try:
            await connection.gather_candidates()
        except BaseException:
            await _discard(connection)
            raise
        await self._give_up_restart()
        if self._ended or transport.state in ("failed", "closed"):
            await _discard(connection)
            raise Refusal("session_over", "This connection has ended; make another.")
        connection.remote_username, connection.remote_password = fragment.ufrag, fragment.pwd
        self._next, self._accepted = connection, 0
        self.add(fragment)
        self._restarting = asyncio.create_task(self._take_over(transport, connection), name="ICE restart")
        mid = next(iter(transports))
        kind = next(each.kind for each in self._peer.getTransceivers() if each.mid == mid)
        # players that see the last one alone shall see that of the path in use; a browser keeps to it otherwise
        ordered = sorted(connection.local_candidates, key=partial(_likeness, transport._connection._nominated.get(1)))
        candidates = tuple(candidate_from_aioice(each) for each in ordered)
        return IceFragment(connection.local_username, connection.local_password, candidates, True, mid, kind)

    def _transports(self) -> dict[str, RTCIceTransport]:
        """Return the transport of each section, by its name; the first section's comes first."""
        sections = sorted(self._peer.getTransceivers(), key=lambda each: each._get_mline_index() or 0)
        return {each.mid: _transport_of(each) for each in sections if each.mid is not None}

    def _add(self, connection: AioiceConnection, candidates: Candidates, complete: bool) -> None:
        room = CANDIDATES_HIGH - self._accepted
        taken = candidates[:room]
        self._accepted += len(taken)
        if not connection._remote_candidates_end and (taken or complete):
            self._run(self._hand_over(connection, taken, complete))

    async def _hand_over(self, connection: AioiceConnection, candidates: Candidates, complete: bool) -> None:
        """Add them together, as a name in the local network takes up to a second to become an address."""
        adding = (connection.add_remote_candidate(candidate_to_aioice(each)) for each in candidates)
        for problem in await asyncio.gather(*adding, return_exceptions=True):
            if isinstance(problem, Exception):
                logger.info("viewer: a candidate was not taken (%s)", problem)
        if complete and not connection._remote_candidates_end:
            await connection.add_remote_candidate(None)

    async def _take_over(self, transport: RTCIceTransport, connection: IceConnection) -> None:
        # who says never that there are no more candidates is not waited for, but may choose the new path at any time
        enough = asyncio.get_running_loop().call_later(RESTART_S, self._add, connection, (), True)
        try:
            await connection.connect()
        except ConnectionError:
            logger.info("viewer: an ICE restart found no path; the old one stays in use")
            self._next = None
            await _discard(connection)
            return
        finally:
            enough.cancel()
        old = transport._connection
        connection._event_waiter, old._event_waiter = old._event_waiter, None
        _put_into(transport, connection)
        self._next = None
        logger.info("viewer: ICE restarted")
        if transport.state == "checking":  # it had no path yet: whoever waits for one has it now
            old._check_list_done = True
            old._check_list += connection._nominated.values()  # an empty one would be a failure
            old._check_list_state.put_nowait(ICE_COMPLETED)
            await transport.start(RTCIceParameters())  # returns when the start that is going on does
        await _discard(old)

    async def _give_up_restart(self) -> None:
        task, connection = self._restarting, self._next
        self._restarting = self._next = None
        if task is not None and connection is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await _discard(connection)
        elif task is not None:
            await asyncio.gather(task, return_exceptions=True)  # it only closes what was in use before

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="candidates")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _transport_of(transceiver: Any) -> RTCIceTransport:
    transport: RTCIceTransport = transceiver.receiver.transport.transport
    return transport


def _likeness(path: CandidatePair | None, candidate: Candidate) -> tuple[bool, bool, bool]:
    """Return a key that sorts candidates by how much they are like the one that a path begins with."""
    if path is None:
        return candidate.type == "relay", candidate.type == "srflx", ":" not in candidate.host
    used, is_reflexive = path.local_candidate, candidate.type == "srflx"
    base = candidate.related_address if is_reflexive else candidate.host
    is_far = ipaddress.ip_address(path.remote_addr[0]).is_global
    return (candidate.type == "relay") == (used.type == "relay"), base == used.host, is_reflexive == is_far


def _put_into(transport: RTCIceTransport, connection: AioiceConnection) -> None:
    """Let a transport use a connection from now on."""
    transport._connection = transport.iceGatherer._connection = connection
    transport._recv, transport._send = connection.recv, connection.send


async def _discard(connection: AioiceConnection) -> None:
    """Close a connection that is not in use, without a word to whoever reads the queue that it shared."""
    connection._queue = asyncio.Queue()
    await connection.close()
