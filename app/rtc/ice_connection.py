"""aioice's connection, kept to the operator's network and to what a stranger may make it send."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import struct
from collections.abc import Sequence
from typing import Any

from aioice import Candidate, Connection, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, server_reflexive_candidate
from aiortc import RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

from app.clock import MonotonicClock
from app.rtc.check_budget import CheckBudget
from app.rtc.ice_network import IceNetwork
from app.rtc.reach import Reach
from app.rtc.relays import first_relay
from app.rtc.udp_ports import NoMediaPort, bound_socket

logger = logging.getLogger(__name__)

GATHER_S = 1  # that an answer may wait for a STUN server; one that does not answer gives no candidate
CANDIDATES_HIGH = 32  # of one peer in one ICE session: each is tried from every address here
HEARD_HIGH = 32  # addresses that a peer did not name but whose checks came from there
LOOPBACK = "127.0.0.1"
EVERYWHERE = {4: "0.0.0.0", 6: "::"}


class CheckedProtocol(StunProtocol):
    """A socket that sends checks as far as the budget of its peer goes, and shrugs at damaged packets."""

    def __init__(self, receiver: Connection, budget: CheckBudget) -> None:
        super().__init__(receiver)
        self._budget, self._clock = budget, MonotonicClock()

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Take a packet from anybody."""
        try:
            super().datagram_received(data, addr)
        except (struct.error, KeyError, IndexError, OverflowError) as error:  # aioice foresees ValueErrors alone
            logger.debug("ice: a damaged packet was left out (%r)", error)

    async def request(
        self,
        request: stun.Message,
        addr: tuple[str, int],
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, tuple[str, int]]:
        """Ask, and note who answers."""
        answer = await super().request(request, addr, integrity_key, retransmissions)
        if integrity_key is not None:  # a STUN server's answer says nothing of a peer
            self._budget.note_answered(answer[1])
        return answer

    def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """Send a message; a check that the budget has nothing for is left out, and may be answered all the same."""
        is_check = message.message_class == stun.Class.REQUEST and "USERNAME" in message.attributes
        if not is_check or self._budget.take(addr, len(bytes(message)), self._clock.now_ns()):
            super().send_stun(message, addr)


class IceConnection(Connection):
    """One ICE session.

    Bound: ``CANDIDATES_HIGH`` candidates of the peer, and ``HEARD_HIGH`` addresses that it did not name; more are left
    out. Addresses that :class:`Reach` does not allow are not sent to, whatever their notation or the name that led to
    them. Made for the pinned aioice; ``tests/rtc/test_ice_connection.py`` fails where it moves.
    """

    def __init__(
        self,
        ice_controlling: bool,
        network: IceNetwork,
        budget: CheckBudget,
        local_username: str | None = None,
        local_password: str | None = None,
    ) -> None:
        servers = [RTCIceServer(each.urls, each.username, each.credential) for each in network.ice_servers()]
        super().__init__(
            ice_controlling,
            local_username=local_username,
            local_password=local_password,
            **{name: value for name, value in connection_kwargs(servers).items() if name == "stun_server"},
        )
        self._network, self._servers, self._budget = network, servers, budget
        self._reach = Reach(network.private, any(ipaddress.ip_address(each).is_loopback for each in network.addresses))
        self._taken, self._heard = 0, 0

    @classmethod
    def beside(cls, old: Connection, network: IceNetwork, budget: CheckBudget) -> IceConnection:
        """Make the connection of a new ICE session of the same peer."""
        made = cls(old.ice_controlling, network, budget)
        made.remote_is_lite = old.remote_is_lite
        return made

    @classmethod
    def in_place_of(cls, old: Connection, network: IceNetwork, budget: CheckBudget) -> IceConnection:
        """Make one of the same names as another, which has not begun to gather."""
        made = cls(old.ice_controlling, network, budget, old.local_username, old.local_password)
        made.remote_is_lite = old.remote_is_lite
        return made

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: float = GATHER_S,  # noqa: ASYNC109 - aioice names it
    ) -> list[Candidate]:
        """Open sockets, and ask STUN and TURN servers how else they can be reached.

        Raises:
            NoMediaPort: where all ports of the range are taken.
        """
        hosts = [host for place in self._places(addresses) if (host := await self._host(component, *place))]
        if self._network.ports is not None and not hosts:
            raise NoMediaPort(self._network.ports)
        reflexive, relayed = await asyncio.gather(self._reflexive(hosts, timeout), self._relayed(component))
        return [*(host.local_candidate for host in hosts), *reflexive, *relayed]

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Answer a peer's authentic check by one of our own.

        Where it came from may be private whatever the setting says: it is no address that somebody names, but the last
        router's, and that is a private one for a server in a container.
        """
        known = any((each._network_host, each.port) == addr for each in self._remote_candidates)
        if not known:
            if self._heard >= HEARD_HIGH or not Reach(True, self._reach.loopback).allows(addr[0]):
                return
            self._heard += 1
        if "PRIORITY" in message.attributes:
            self._budget.note_heard(addr)
            super().check_incoming(message, addr, protocol)

    def _add_remote_candidate(self, remote_candidate: Candidate, network_host: str) -> None:
        is_udp = remote_candidate.transport.lower() == "udp" and remote_candidate.component in self._components
        if not is_udp or not 0 < remote_candidate.port < 65536 or not self._reach.allows(network_host):
            logger.debug("ice: a candidate leads where none may (%s)", network_host)
        elif self._taken < CANDIDATES_HIGH:
            self._taken += 1
            super()._add_remote_candidate(remote_candidate, network_host)

    def _places(self, addresses: Sequence[str]) -> list[tuple[str, str | None]]:
        """Return where to open sockets, and what to call each place if not by its own address."""
        advertised = {ipaddress.ip_address(each).version: each for each in self._network.addresses}
        places: list[tuple[str, str | None]] = [(EVERYWHERE[version], each) for version, each in advertised.items()]
        places += [(each, None) for each in addresses if ipaddress.ip_address(each).version not in advertised]
        if not places:  # nobody but this machine itself can watch
            self._reach = Reach(self._network.private, loopback=True)
            places = [(LOOPBACK, None)]
        return places

    async def _host(self, component: int, address: str, advertised: str | None) -> CheckedProtocol | None:
        try:
            bound = bound_socket(address, self._network.ports)
        except (OSError, NoMediaPort) as error:
            logger.info("ice: no socket at %s (%s)", address, error)
            return None
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(lambda: CheckedProtocol(self, self._budget), sock=bound)
        called, port = advertised or address, bound.getsockname()[1]
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", called),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=called,
            port=port,
            type="host",
        )
        self._protocols.append(protocol)
        return protocol

    async def _reflexive(self, hosts: Sequence[CheckedProtocol], patience_s: float) -> list[Candidate]:
        """Ask the STUN server; aioice knows it by an IPv4 address alone."""
        if self.stun_server is None:
            return []
        able = [host for host in hosts if ipaddress.ip_address(host.local_candidate.host).version == 4]
        asking = [asyncio.ensure_future(server_reflexive_candidate(host, self.stun_server)) for host in able]
        if asking:
            await asyncio.wait(asking, timeout=patience_s)
        answers = [each for each in asking if each.done() and not each.cancelled() and each.exception() is None]
        for each in asking:
            each.cancel()
        return [answer.result()[0] for answer in answers]

    async def _relayed(self, component: int) -> list[Candidate]:
        relay = await first_relay(self._servers, component, lambda: CheckedProtocol(self, self._budget))
        if relay is None:
            return []
        self._protocols.append(relay)
        return [relay.local_candidate]
