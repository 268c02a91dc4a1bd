"""Two servers on one machine, as two stages are, share one range of UDP ports for media."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.clock import MonotonicClock
from app.config import PortRange
from bench.receiver import Receiver
from bench.whep_guest import WhepGuest
from tests.server import Server

pytestmark = pytest.mark.realtime

COUNT = 12


def free_range(count: int) -> PortRange:
    """Return UDP ports in a row that nobody uses."""
    for first in range(30_000, 60_000, 103):
        try:
            for port in range(first, first + count):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind(("0.0.0.0", port))
        except OSError:
            continue
        return PortRange(first, first + count - 1)
    raise AssertionError("no free ports")


@pytest.fixture
def ports() -> PortRange:
    return free_range(COUNT)


@pytest.fixture
def servers(tmp_path: Path, ports: PortRange) -> Iterator[list[Server]]:
    made: list[Server] = []
    try:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            settings = {"ice_ports": f"{ports.first}-{ports.last}", "engine": "clapper"}
            made.append(Server.start(tmp_path / name, **settings))  # type: ignore[arg-type]
        yield made
    finally:
        for server in made:
            server.stop()


async def test_each_takes_ports_while_any_are_left_and_says_so_when_none_are(
    servers: list[Server], ports: PortRange
) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        made = [(await http.post(f"{each.url}/api/sessions", json={"engine": "clapper"})).json() for each in servers]
        used: list[set[tuple[str, int]]] = []
        leaving: list[str] = []
        while True:
            session = made[len(used) % 2]  # by turns
            answer = await offer_to(http, session)
            if answer.status_code != 201:
                break
            used.append(ports_in(answer.text))
            leaving.append(str(httpx.URL(session["view"]["whep"]).join(answer.headers["location"])))
        taken = set[tuple[str, int]]().union(*used)
        assert len(taken) == sum(map(len, used)), "no port is used twice"
        assert all(ports.first <= port <= ports.last for _, port in taken)
        assert len(taken) == COUNT * len({address for address, _ in taken}), "none is refused while a port is left"
        for session in made:
            refused = await offer_to(http, session)
            assert (refused.status_code, refused.json()["code"]) == (503, "no_media_port")
        # what one server's viewer gives back, the other one's gets, and it sees a picture
        await http.delete(leaving[0])
        guest = WhepGuest(http, MonotonicClock())
        await guest.watch(made[1]["view"]["whep"], made[1]["view"]["token"])
        await guest.leave()
        for url in leaving[1:]:
            await http.delete(url)


async def offer_to(http: httpx.AsyncClient, session: dict[str, Any]) -> httpx.Response:
    """Ask to watch, and never connect."""
    receiver = Receiver()
    headers = {"authorization": f"Bearer {session['view']['token']}", "content-type": "application/sdp"}
    try:
        return await http.post(session["view"]["whep"], content=await receiver.offer(), headers=headers)
    finally:
        await receiver.aclose()


def ports_in(answer: str) -> set[tuple[str, int]]:
    """Return the addresses and ports of an answer's candidates."""
    parts = [line.split() for line in answer.splitlines() if line.startswith("a=candidate")]
    return {(each[4], int(each[5])) for each in parts}
