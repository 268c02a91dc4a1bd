"""What a server that stands open lets no single client have: connections, time, places, memory."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import websockets
from websockets.frames import Opcode

from bench.hostile import UPGRADE, Hostile, Line, frame, head_of, text
from bench.processor import memory_mb
from tests.client import Client
from tests.page import sessions
from tests.server import Serve, Server

pytestmark = pytest.mark.realtime

HEADER_S = 1.5
OF_SERVE = "a front's connections are taken by Serve's own server, and bounded by the proxy before it"
CLOSED_S = 12.0  # within which what has a limit of 1.5 s must be over, on any machine


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[Server]:
    """A server whose times and counts are small."""
    with serve(
        tmp_path_factory.mktemp("strict"),
        header_timeout_s=str(HEADER_S),
        media_timeout_s="1.5",
        max_connections_per_address="20",
        max_sessions_per_address="2",
    ) as started:
        yield started


async def drips_until_closed(line: Line, head: bytes) -> None:
    """Send a byte now and then, until the server has enough of it."""
    with pytest.raises((ConnectionError, EOFError)):
        async with asyncio.timeout(CLOSED_S):
            await line.send(head)
            while not line.reader.at_eof():
                await line.send(b"x")
                await asyncio.sleep(0.1)
            raise EOFError


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: ", marks=pytest.mark.plain(OF_SERVE)),
        pytest.param(b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nX: ", marks=pytest.mark.plain(OF_SERVE)),
        b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n",
        pytest.param(
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: ",
            marks=pytest.mark.plain(OF_SERVE),
        ),
    ],
    ids=["headers", "handshake", "body", "body that nobody wants", "second request"],
)
async def test_a_request_that_drips_is_cut_off(strict: Server, head: bytes) -> None:
    async with Hostile(strict.url).line() as line:
        await drips_until_closed(line, head)


@pytest.mark.plain(OF_SERVE)
async def test_headers_have_a_bound(strict: Server) -> None:
    async with Hostile(strict.url).line() as line:
        await line.send(b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 20_000)
        assert b"400" in await line.until(b"\r\n")


@pytest.mark.plain(OF_SERVE)
async def test_an_address_has_so_many_connections_and_others_have_theirs(strict: Server) -> None:
    crowd, other = Hostile(strict.url), Hostile(strict.url)
    async with asyncio.timeout(30), several(crowd, 20):
        async with crowd.line() as refused:
            assert b" 503 " in await refused.until(b"\r\n\r\n")
            assert json.loads(await refused.until(b"}"))["code"] == "too_many_connections"
        async with other.line() as line:
            await line.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 200 " in await line.until(b"\r\n")
    async with asyncio.timeout(10):
        while True:
            async with crowd.line() as line:  # their places are free again
                await line.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                if b" 200 " in await line.until(b"\r\n"):
                    return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def several(hostile: Hostile, count: int) -> AsyncIterator[None]:
    """Hold connections open."""
    if not count:
        yield
        return
    async with hostile.line(), several(hostile, count - 1):
        yield


async def test_a_silent_start_holds_its_place_for_a_moment_only(strict: Server) -> None:
    async with Client(strict.ws_url) as silent:
        await silent.start(engine="clapper")
        assert (await silent.expect("error"))["code"] == "media_timeout"
        assert await silent.wait_closed() == 4408


async def test_who_watches_or_speaks_may_take_their_time(strict: Server) -> None:
    async with Client(strict.ws_url) as watching, Client(strict.ws_url) as speaking:
        await watching.start(engine="clapper")
        await watching.connect()
        await speaking.start(engine="clapper")
        await speaking.socket.send(bytes(960))
        await asyncio.sleep(3)  # twice as long as who does neither may stay
        assert watching.close_code is None and speaking.close_code is None


async def test_an_address_has_so_many_sessions(strict: Server) -> None:
    while await sessions(strict):  # those of the test before: who has left counts until that has ended
        await asyncio.sleep(0.1)
    async with Client(strict.ws_url) as first, Client(strict.ws_url) as second, Client(strict.ws_url) as third:
        for client in (first, second):
            await client.start(engine="clapper", mode="clip")
            await client.connect()
        await third.say("start", engine="clapper")
        assert (await third.expect("error"))["code"] == "too_many_sessions_here"
        assert await third.wait_closed() == 4429
        async with Hostile(strict.url).socket() as other:
            await other.send(text(type="start", engine="clapper", mode="agent"))
            async with asyncio.timeout(60):
                told = await other.reader.readuntil(b"}")
            assert b'"started"' in told or b'"elsewhere"' in told


async def test_a_foreign_x_forwarded_for_is_nobodys_address(strict: Server) -> None:
    names = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(3)]
    opened = [await websockets.connect(strict.ws_url, additional_headers=name) for name in names]
    try:
        answers = []
        for each in opened:
            await each.send('{"type":"start","engine":"clapper","mode":"clip"}')
            answers.append(json.loads(await each.recv()))
        assert [answer.get("code", answer["type"]) for answer in answers][2] == "too_many_sessions_here"
    finally:
        for each in opened:
            await each.close()


async def test_behind_a_trusted_proxy_each_client_has_limits_of_its_own(tmp_path: Path) -> None:
    behind = Server.start(tmp_path, trusted_proxies="127.0.0.1", max_sessions_per_address="1")
    try:
        opened = []
        first, second = "192.0.2.1", "192.0.2.2"
        for address, wanted in ((first, "started"), (second, "started"), (first, "too_many_sessions_here")):
            each = await websockets.connect(behind.ws_url, additional_headers={"X-Forwarded-For": address})
            opened.append(each)
            await each.send('{"type":"start","engine":"clapper","mode":"clip"}')
            answer = json.loads(await each.recv())
            assert answer.get("code", answer["type"]) == wanted
        for each in opened:
            await each.close()
    finally:
        behind.stop()


@pytest.mark.plain("the memory of its process")
async def test_unfinished_frames_take_no_memory(strict: Server) -> None:
    hostile = Hostile(strict.url)
    before_mb = memory_mb(strict.pid)

    async def fill() -> None:
        async with hostile.socket() as line:
            await line.send(head_of(Opcode.BINARY, 32 * 1024 * 1024))
            with pytest.raises((OSError, EOFError, TimeoutError)):
                async with asyncio.timeout(CLOSED_S):
                    while True:
                        await line.send(bytes(64 * 1024))

    async with asyncio.TaskGroup() as group:
        for _ in range(15):
            group.create_task(fill())
        await asyncio.sleep(3)
        assert memory_mb(strict.pid) - before_mb < 60


async def test_a_message_that_is_too_large_is_refused_from_its_head_alone(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper")
        client.socket.transport.write(head_of(Opcode.BINARY, 8 * 1024 * 1024 + 1))
        assert (await client.expect("error"))["code"] == "message_too_large"


@pytest.mark.plain(OF_SERVE)
async def test_a_message_of_empty_pieces_is_too_large_some_time(server: Server) -> None:
    async with Client(server.ws_url) as client:
        client.socket.transport.write(frame(Opcode.TEXT, b"", fin=False) + frame(Opcode.CONT, b"", fin=False) * 1000)
        assert (await client.expect("error", timeout_s=60))["code"] == "message_too_large"


@pytest.mark.plain(OF_SERVE)
async def test_compression_is_not_agreed_upon(server: Server) -> None:
    async with Hostile(server.url).line() as line:
        await line.send(UPGRADE % (b"localhost", b"Sec-WebSocket-Extensions: permessage-deflate\r\n"))
        answer = await line.until(b"\r\n\r\n")
        assert b" 101 " in answer and b"deflate" not in answer.lower()


@pytest.mark.parametrize("message", [text(type="flush"), frame(Opcode.BINARY), frame(Opcode.BINARY, b"\1\2")])
async def test_a_flood_of_messages_with_nothing_in_them_is_too_many(server: Server, message: bytes) -> None:
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper", mode="agent")
        await client.connect()
        client.socket.transport.write(message * 8000)
        assert (await client.expect("error", timeout_s=60))["code"] == "too_many_messages"
        assert await client.wait_closed() == 4429


async def test_minutes_of_sound_in_messages_of_20_ms_may_be_sent_at_once(server: Server) -> None:
    async with Client(server.ws_url, pings=False) as client:  # its answer would stand behind all that
        await client.start(engine="clapper", mode="agent")
        await client.connect()
        client.socket.transport.write(frame(Opcode.BINARY, bytes(1920)) * 14_000)
        await client.say("interrupt")
        answer = await client.expect("interrupted", timeout_s=180)
        assert answer["answers"] == 1
        assert client.close_code is None


@pytest.mark.plain("the memory of its process")
async def test_pings_of_which_no_answer_is_read_take_no_memory(server: Server) -> None:
    before_mb = memory_mb(server.pid)
    async with Hostile(server.url).session() as line:
        with pytest.raises((OSError, EOFError, TimeoutError)):
            async with asyncio.timeout(8):
                while True:
                    await line.send(frame(Opcode.PING, bytes(125)) * 500)
        assert memory_mb(server.pid) - before_mb < 20


async def test_answers_that_nobody_reads_hold_up_nobody_else(strict: Server) -> None:
    async with Hostile(strict.url).line() as line:
        with pytest.raises((OSError, EOFError, TimeoutError)):
            async with asyncio.timeout(4):
                while True:
                    await line.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        async with Hostile(strict.url).line() as other:
            await other.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 200 " in await other.until(b"\r\n")


def test_hostile_addresses_are_local(server: Server) -> None:
    """Otherwise all of the above would be from one address."""
    with socket.socket() as probe:
        probe.bind((Hostile(server.url).address or "", 0))
