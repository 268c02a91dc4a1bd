"""Outputs go to checked addresses and to no others, whatever names and servers say."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.rtc.checked_connect import CheckedBackend, Forbidden, checked_transport, open_checked, output_reach
from app.rtc.push import PushFailed
from app.rtc.rtmp.link import Link
from app.rtc.whip_client import WhipClient, WhipTarget

STRICT, USUAL = output_reach(private=False), output_reach(private=True)
NEVER = ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "0.0.0.0", "[fe80::1]", "[::ffff:169.254.169.254]"]
INSIDE = ["127.0.0.1", "[::1]", "10.1.2.3", "2130706433", "0x7f.1", "127.1", "localhost", "[::ffff:7f00:1]"]


class Names:
    """A name server whose answers change as it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked, self._answers = 0, answers
        self._real = asyncio.get_running_loop().getaddrinfo
        monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", self._answer)

    async def _answer(self, host: Any, port: Any, **wanted: Any) -> Any:
        if host != "media.example.org":
            return await self._real(host, port, **wanted)
        addresses = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]


class Server:
    """Answers HTTP requests one after another, and counts connections."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.connections, self.requests = 0, []  # type: int, list[str]
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode().split("\r\n")
            self.requests.append(lines[0])
            sizes = [int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length")]
            await reader.readexactly(sum(sizes))
            writer.write(self.answers.pop(0))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()


async def pushed(url: str, private: bool) -> PushFailed:
    with pytest.raises(PushFailed) as failed:
        async with asyncio.timeout(8), WhipClient(WhipTarget(url, "secret"), output_reach(private)) as client:
            await client.offer("v=0")
    return failed.value


@pytest.mark.parametrize("host", NEVER)
async def test_what_is_nobodys_is_refused_always(host: str) -> None:
    for private in (False, True):
        assert (await pushed(f"http://{host}/whip", private)).code == "output_not_allowed"


@pytest.mark.parametrize("host", INSIDE)
async def test_private_addresses_in_any_notation_are_refused_where_the_setting_says_so(host: str) -> None:
    failed = await pushed(f"http://{host}:1/whip", False)
    assert failed.code == "output_not_allowed" and failed.refused


async def test_without_the_setting_this_machine_and_private_networks_may_be_pushed_to(server: Server) -> None:
    server.answers = [b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"]
    assert (await pushed(f"http://127.0.0.1:{server.port}/whip", True)).code == "refused"


async def test_rtmp_is_held_to_the_same() -> None:
    for host, reach in (("169.254.169.254", USUAL), ("127.0.0.1", STRICT), ("localhost", STRICT)):
        with pytest.raises(PushFailed) as failed:
            await Link.open(host, 1935, False, reach)
        assert failed.value.code == "output_not_allowed"


async def test_a_name_with_several_addresses_leads_to_those_that_are_allowed(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    names = Names(monkeypatch, ["169.254.169.254", "0.0.0.0", "127.0.0.1"])
    _, writer = await open_checked("media.example.org", server.port, None, USUAL)
    assert writer.get_extra_info("peername")[0] == "127.0.0.1" and names.asked == 1
    writer.close()
    stream = await CheckedBackend(USUAL).connect_tcp("media.example.org", server.port, 5)
    assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
    await stream.aclose()


async def test_a_name_is_asked_for_once_so_that_its_answer_cannot_change_before_the_connection(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    names = Names(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    server.answers = [b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"]
    assert (await pushed(f"http://media.example.org:{server.port}/", True)).code == "refused"
    assert names.asked == 1 and server.connections == 1
    assert (await pushed(f"http://media.example.org:{server.port}/", True)).code == "output_not_allowed"


async def test_a_redirect_leads_nowhere_else(server: Server) -> None:
    for host in ("169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal@169.254.169.254"):
        answer = f"HTTP/1.1 307 Go\r\nLocation: http://{host}/latest/meta-data\r\nContent-Length: 0\r\n\r\n"
        server.answers = [answer.encode()]
        assert (await pushed(f"http://127.0.0.1:{server.port}/whip", True)).code == "output_not_allowed"


async def test_the_resource_that_a_server_names_leads_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    answer = b"HTTP/1.1 201 Made\r\nLocation: http://169.254.169.254/delete\r\nContent-Type: application/sdp\r\n"
    server.answers = [answer + b"Link: <http://169.254.169.254/>; rel=ice-server\r\nContent-Length: 3\r\n\r\nv=0"]
    tried: list[tuple[str, str]] = []
    real = CheckedBackend.connect_tcp

    async def connect(self: CheckedBackend, host: str, *rest: Any, **named: Any) -> Any:
        try:
            stream = await real(self, host, *rest, **named)
        except Forbidden:
            tried.append((host, "refused"))
            raise
        tried.append((host, "connected"))
        return stream

    monkeypatch.setattr(CheckedBackend, "connect_tcp", connect)
    async with asyncio.timeout(8), WhipClient(WhipTarget(f"http://127.0.0.1:{server.port}/", None), USUAL) as client:
        assert await client.offer("v=0") == "v=0"
    assert tried == [("127.0.0.1", "connected"), ("169.254.169.254", "refused")]


async def test_what_is_relied_on_of_the_library_is_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool is the library's own; and what the environment says of proxies is not heard."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"]
    async with httpx.AsyncClient(transport=checked_transport(USUAL)) as client:
        assert (await client.get(f"http://127.0.0.1:{server.port}/")).text == "hi"
        with pytest.raises(Forbidden):
            await client.get("http://169.254.169.254/")
