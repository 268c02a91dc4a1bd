"""What a viewer may make this machine send, counted at real sockets; and where it opens its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import aioice
import pytest
from aioice import Candidate, mdns, stun
from aiortc import RTCBundlePolicy, RTCPeerConnection, RTCSessionDescription

from app.config import PortRange
from app.errors import Refusal
from app.rtc.check_budget import BYTES_HIGH, PACKETS_EACH, PACKETS_HIGH, CheckBudget
from app.rtc.connection import Connection
from app.rtc.ice_connection import CANDIDATES_HIGH, HEARD_HIGH, IceConnection
from app.rtc.ice_fragment import IceFragment
from app.rtc.ice_network import IceNetwork
from tests.e2e.test_connection import offer, sockets

pytestmark = pytest.mark.realtime

WATCH_S = 4.0  # sees the first four of a check's packets; the bounds hold however many follow
PWD = "p" * 22
NOWHERE = (
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "224.0.0.251",
    "255.255.255.255",
    "0.0.0.0",
    "100.100.100.200",
    "::1",
    "fe80::1",
    "fd00:ec2::254",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "127.1",
    "2130706433",
    "localhost",
)


class Victim:
    """UDP sockets of somebody who asked for nothing."""

    def __init__(self, address: str, count: int) -> None:
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        for each in self._sockets:
            each.setblocking(False)
            each.bind((address, 0))
        self.ports = [each.getsockname()[1] for each in self._sockets]

    def received(self) -> list[int]:
        """Sizes of all packets since the last call, headers left out."""
        sizes = []
        for each in self._sockets:
            while True:
                try:
                    sizes.append(len(each.recv(65536)))
                except BlockingIOError:
                    break
        return sizes

    def close(self) -> None:
        for each in self._sockets:
            each.close()


def own_address() -> str:
    """An address of this machine that is not loopback's."""
    addresses = aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=False)
    if not addresses:
        pytest.skip("this machine has no address but loopback's")
    return addresses[0]


@pytest.fixture
def victim() -> Iterator[Victim]:
    victim = Victim(own_address(), 200)
    yield victim
    victim.close()


@pytest.fixture
async def viewer() -> AsyncIterator[Connection]:
    """A connection whose peer has offered, without a candidate."""
    client, sdp = await offer()
    connection = Connection(IceNetwork())
    kept = [line for line in sdp.splitlines() if not line.startswith(("a=candidate", "a=end-of"))]
    await connection.answer("\r\n".join([*kept, ""]))
    yield connection
    await connection.aclose()
    await client.close()


def lines(address: str, ports: list[int], kind: str = "host", transport: str = "udp") -> str:
    return "".join(f"a=candidate:{port} 1 {transport} 1 {address} {port} typ {kind}\r\n" for port in ports)


async def made(network: IceNetwork, budget: CheckBudget | None = None) -> IceConnection:
    connection = IceConnection(False, network, budget or CheckBudget())
    await connection.gather_candidates()
    return connection


async def test_two_thousand_candidates_lead_to_few_packets_and_bytes(viewer: Connection, victim: Victim) -> None:
    for _ in range(11):
        for start in range(0, 200, 20):
            viewer.ice.add(IceFragment.parse(lines(own_address(), victim.ports[start : start + 20])))
    await asyncio.sleep(WATCH_S)
    sizes = victim.received()
    assert 0 < len(sizes) <= PACKETS_HIGH + WATCH_S + 1
    assert sum(sizes) <= BYTES_HIGH + 1024, "it was 26 KB for 2050 candidates"


async def test_restarts_gain_nothing(victim: Victim) -> None:
    """The budget is the peer's, not the ICE session's."""
    budget, made_so_far = CheckBudget(), []
    for number in range(6):
        connection = await made(IceNetwork(), budget)
        made_so_far.append(connection)
        connection.remote_username, connection.remote_password = f"user{number}", PWD
        for port in victim.ports[number * 30 : number * 30 + 30]:
            await connection.add_remote_candidate(Candidate("1", 1, "udp", 1, own_address(), port, "host"))
    tries = [asyncio.create_task(each.connect()) for each in made_so_far]
    await asyncio.sleep(WATCH_S)
    sizes = victim.received()
    assert 0 < len(sizes) <= PACKETS_HIGH + WATCH_S + 1
    for each in made_so_far:
        await each.close()
    await asyncio.gather(*tries, return_exceptions=True)


async def test_one_silent_address_gets_a_few_packets_though_its_candidate_comes_again_and_again(
    viewer: Connection, victim: Victim
) -> None:
    for number in range(20):
        viewer.ice.add(IceFragment.parse(lines(own_address(), victim.ports[:1])))
        await asyncio.sleep(0.05 * (number % 2))
    await asyncio.sleep(WATCH_S)
    assert 0 < len(victim.received()) <= PACKETS_EACH


@pytest.mark.parametrize("address", NOWHERE)
async def test_an_address_that_is_nobodys_is_not_taken(address: str) -> None:
    connection = await made(IceNetwork())
    await connection.add_remote_candidate(Candidate("1", 1, "udp", 1, address, 5000, "host"))
    assert connection.remote_candidates == []
    await connection.close()


async def test_private_addresses_are_taken_where_they_may_be() -> None:
    for private, taken in ((True, 2), (False, 1)):
        connection = await made(IceNetwork(private=private))
        for address in ("10.1.2.3", "8.8.8.8"):
            await connection.add_remote_candidate(Candidate("1", 1, "udp", 1, address, 5000, "host"))
        assert len(connection.remote_candidates) == taken
        await connection.close()


async def test_a_local_name_is_judged_by_the_address_that_it_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(self: mdns.MDnsProtocol, hostname: str, **_: object) -> str:
        return {"inside.local": "127.0.0.1", "cloud.local": "169.254.169.254", "good.local": "10.1.2.3"}[hostname]

    monkeypatch.setattr(mdns.MDnsProtocol, "resolve", resolve)
    connection = await made(IceNetwork())
    for name in ("inside.local", "cloud.local", "good.local"):
        await connection.add_remote_candidate(Candidate("1", 1, "udp", 1, name, 5000, "host"))
    assert [each.host for each in connection.remote_candidates] == ["good.local"]
    await connection.close()


async def test_candidates_over_tcp_and_of_strange_ports_are_not_taken() -> None:
    connection = await made(IceNetwork())
    for transport, port, component in (("tcp", 9, 1), ("udp", 0, 1), ("udp", 70000, 1), ("udp", 9, 2)):
        await connection.add_remote_candidate(Candidate("1", component, transport, 1, "10.1.2.3", port, "host"))
    assert connection.remote_candidates == []
    for port in range(1, 100):
        await connection.add_remote_candidate(Candidate("1", 1, "udp", 1, "10.1.2.3", port, "host"))
    assert len(connection.remote_candidates) == CANDIDATES_HIGH
    await connection.close()


async def test_checks_from_forged_addresses_lead_to_few_packets() -> None:
    """Who knows a password may send authentic checks from any address that its network lets it forge."""
    sent: list[bytes] = []
    connection = await made(IceNetwork())
    connection.remote_username, connection.remote_password = "user", PWD
    connection._early_checks_done = True
    protocol = connection._protocols[0]
    protocol.transport = _Counting(sent)  # type: ignore[assignment]
    for round_ in range(3):
        for last in range(1, 255):
            check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            check.attributes["USERNAME"] = f"{connection.local_username}:user"
            if round_ < 2:
                check.attributes["PRIORITY"] = 1
            check.add_message_integrity(connection.local_password.encode())
            protocol.datagram_received(bytes(check), (f"10.0.0.{last}", 4000))
    await asyncio.sleep(2)
    answers = [each for each in sent if stun.parse_message(each).message_class == stun.Class.RESPONSE]
    assert len(answers) == 3 * 254, "each is answered by one packet, not larger than it"
    assert HEARD_HIGH <= len(sent) - len(answers) <= PACKETS_HIGH
    assert len(connection.remote_candidates) == HEARD_HIGH
    for pair in connection._check_list:
        if pair.task is not None:
            pair.task.cancel()


class _Counting:
    def __init__(self, sent: list[bytes]) -> None:
        self._sent = sent

    def sendto(self, data: bytes, addr: tuple[str, int]) -> None:
        self._sent.append(data)


async def test_damaged_packets_are_left_out() -> None:
    connection = await made(IceNetwork())
    check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes={"PRIORITY": 1})
    whole = bytes(check)
    head = whole[:2] + b"\x00\x06" + whole[4:20]
    for attribute in (b"\x00\x24\x00\x02\x00\x00", b"\x80\x2a\x00\x02\x00\x00", b"\x00\x09\x00\x02\x00\x00"):
        connection._protocols[0].datagram_received(head + attribute, ("10.0.0.1", 5))
    await connection.close()


async def test_ports_come_from_the_range_one_for_a_viewer_and_a_full_range_is_refused() -> None:
    free = _free_range(2)
    network = IceNetwork(ports=free)
    clients, connections = [], []
    for _ in range(2):
        client, sdp = await offer()
        connection = Connection(network)
        answer = await connection.answer(sdp)
        used = {line.split()[5] for line in answer.splitlines() if line.startswith("a=candidate")}
        assert used and all(free.first <= int(port) <= free.last for port in used)
        clients.append(client)
        connections.append(connection)
    had = sockets()
    client, sdp = await offer()
    late = Connection(network)
    with pytest.raises(Refusal) as refused:
        async with asyncio.timeout(5):
            await late.answer(sdp)
    assert refused.value.code == "no_media_port" and str(free.first) in refused.value.message
    await late.aclose()
    await client.close()
    assert sockets() <= had, "nothing of the refused one is left"
    await connections[0].aclose()
    again = Connection(network)
    await again.answer(sdp)
    for each in (again, *connections):
        await each.aclose()
    for theirs in clients:
        await theirs.close()


def _free_range(count: int) -> PortRange:
    """Ports in a row that nobody uses."""
    for first in range(40_000, 60_000, 97):
        try:
            for port in range(first, first + count):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind(("0.0.0.0", port))
        except OSError:
            continue
        return PortRange(first, first + count - 1)
    raise AssertionError("no free ports")


async def test_the_advertised_address_stands_in_the_place_of_our_own() -> None:
    client, sdp = await offer()
    connection = Connection(IceNetwork(addresses=("203.0.113.7",)))
    answer = await connection.answer(sdp)
    hosts = {line.split()[4] for line in answer.splitlines() if line.startswith("a=candidate")}
    assert {each for each in hosts if ":" not in each} == {"203.0.113.7"}, "one, and none of this machine's own"
    await connection.aclose()
    await client.close()


async def test_a_viewer_behind_nothing_connects_to_a_server_that_advertises_another_address() -> None:
    """The advertised address cannot be reached here; the server's own checks make the path, as behind a hairpin."""
    client, sdp = await offer()
    connection = Connection(IceNetwork(addresses=("203.0.113.7",), ports=_free_range(4)))
    answer = await connection.answer(sdp)
    await _until_connected(client, connection, answer)
    await connection.aclose()
    await client.close()


async def _until_connected(client: RTCPeerConnection, connection: Connection, answer: str) -> None:
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(20):
        while not client.connectionState == connection.peer.connectionState == "connected":
            await asyncio.sleep(0.05)


async def test_what_is_relied_on_of_the_library_is_there() -> None:
    """Names that the library keeps to itself; its version is pinned for them."""
    client, sdp = await offer()
    connection = Connection(IceNetwork())
    await connection.answer(sdp)
    transports = {each.receiver.transport.transport for each in connection.peer.getTransceivers()}
    assert [type(each._connection) for each in transports] == [IceConnection]
    (transport,) = transports
    assert transport.iceGatherer._connection is transport._connection
    assert transport._recv == transport._connection.recv and transport._send == transport._connection.send
    for name in ("_add_remote_candidate", "check_incoming", "get_component_candidates"):
        assert callable(getattr(aioice.Connection, name)), name
    await connection.aclose()
    await client.close()


async def test_a_push_offers_ports_of_the_range_and_the_advertised_address() -> None:
    ports = _free_range(2)
    connection = Connection(IceNetwork(ports=ports, addresses=("203.0.113.7",)), RTCBundlePolicy.MAX_BUNDLE)
    for kind in ("audio", "video"):
        connection.peer.addTransceiver(kind, "sendonly")
    candidates = [line.split() for line in (await connection.offer()).splitlines() if line.startswith("a=candidate")]
    assert {each[4] for each in candidates if ":" not in each[4]} == {"203.0.113.7"}
    assert {each[5] for each in candidates if each[4] == "203.0.113.7"} <= {str(ports.first), str(ports.last)}
    taken = IceNetwork(ports=PortRange(ports.first, ports.first))
    busy = [IceConnection(False, taken, CheckBudget())]
    with pytest.raises(Refusal, match="taken"):
        for _ in range(2):
            busy.append(IceConnection(False, taken, CheckBudget()))
            await busy[-1].gather_candidates()
    for each in busy:
        await each.close()
    await connection.aclose()


async def test_a_machine_with_nothing_but_loopback_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: [])
    ends = [IceConnection(controlling, IceNetwork(), CheckBudget()) for controlling in (True, False)]
    for each in ends:
        await each.gather_candidates()
        assert {candidate.host for candidate in each.local_candidates} == {"127.0.0.1"}
    for each, other in (ends, reversed(ends)):
        each.remote_username, each.remote_password = other.local_username, other.local_password
        for candidate in other.local_candidates:
            await each.add_remote_candidate(candidate)
        await each.add_remote_candidate(None)
    async with asyncio.timeout(20):
        await asyncio.gather(*(each.connect() for each in ends))
        await ends[0].send(b"hello")
        assert await ends[1].recv() == b"hello"
    for each in ends:
        await each.close()
