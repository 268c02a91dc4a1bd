"""What a client may do wrong on the socket, and what becomes of a session; against the real server."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import websockets

from bench.fuzz_sdp import offers
from tests.client import Client
from tests.server import Server

pytestmark = pytest.mark.realtime

SECOND = 48_000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(SECOND) / SECOND) * 32767).astype("<i2").tobytes()

OVERTAKING_S = 1.0  # what is behind the sound that was sent before it takes longer, on any machine


async def sessions(server: Server) -> int:
    def ask() -> int:
        with urllib.request.urlopen(server.url + "/healthz") as answer:
            return int(json.load(answer)["sessions"])

    return await asyncio.to_thread(ask)


async def counted(server: Server, wanted: int) -> None:
    """Wait until so many sessions are told of: a cluster's front hears of them a moment later."""
    async with asyncio.timeout(5):
        while await sessions(server) != wanted:
            await asyncio.sleep(0.1)


async def all_freed(server: Server, timeout_s: float) -> None:
    async with asyncio.timeout(timeout_s):
        while await sessions(server):
            await asyncio.sleep(0.1)


UNKNOWN_MID = offers()["chromium"].replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 7 8")
REFUSALS = [
    (['{"type":"flush"}'], "not_started", 4400),
    ([b"\0\0"], "not_started", 4400),
    (["not json"], "bad_json", 4400),
    (['{"type":"dance"}'], "unknown_type", 4400),
    (['{"type":"start","sample_rate":1}'], "bad_field", 4400),
    (['{"type":"start","engine":"dance"}'], "no_such_engine", 4400),
    (['{"type":"start","engine":"wav2lip"}'], "engine_unavailable", 4400),
    (['{"type":"start"}', '{"type":"mood","name":"furious"}'], "no_such_mood", 4400),
    (['{"type":"start"}', '{"type":"mood","name":"warm","strength":7}'], "bad_field", 4400),
    (['{"type":"mood","name":"warm"}'], "not_started", 4400),
    (['{"type":"start"}', '{"type":"listening","state":"dance"}'], "bad_field", 4400),
    (['{"type":"start","avatar":"nobody"}'], "no_such_avatar", 4404),
    (['{"type":"start","avatar":"../../etc/passwd"}'], "no_such_avatar", 4404),
    (['{"type":"start"}', '{"type":"start"}'], "already_started", 4400),
    (['{"type":"start"}', '{"type":"offer","sdp":"v=0"}'], "bad_sdp", 4400),
    (['{"type":"start"}', json.dumps({"type": "offer", "sdp": UNKNOWN_MID})], "bad_sdp", 4400),
    (['{"type":"start"}', b"\0" * (8 * 1024 * 1024 + 1)], "message_too_large", 4413),
    (['{"type":"offer","sdp":"' + "x" * 300_000 + '"}'], "message_too_large", 4413),
]


@pytest.mark.parametrize(
    ("messages", "code", "close_code"), REFUSALS, ids=lambda part: part if isinstance(part, str) else ""
)
async def test_every_refusal_is_said_and_closes_the_socket(
    server: Server, messages: list[str | bytes], code: str, close_code: int
) -> None:
    async with Client(server.ws_url) as client:
        for message in messages:
            if message == '{"type":"start"}':
                await client.start()  # a front has it said again elsewhere
            else:
                await client.socket.send(message)
        error = await client.expect("error")
        assert error["code"] == code
        assert error["message"].endswith(".") and len(error["message"]) > 15
        assert await client.wait_closed() == close_code
    await all_freed(server, 5)


async def test_a_full_server_says_so_and_a_freed_place_can_be_taken(tmp_path: Path) -> None:
    small = Server.start(tmp_path, max_sessions="1")
    try:
        async with Client(small.ws_url) as first, Client(small.ws_url) as second:
            await first.start()
            await second.say("start")
            assert (await second.expect("error"))["code"] == "server_full"
            assert await second.wait_closed() == 4429
            await first.say("stop")
            assert await first.wait_closed() == 1000
        await all_freed(small, 5)
        async with Client(small.ws_url) as third:
            await third.start()
    finally:
        assert small.stop() in (0, -15)


async def test_a_silent_client_is_closed_after_its_time(tmp_path: Path) -> None:
    strict = Server.start(tmp_path, idle_timeout_s="1.0", start_timeout_s="0.5")
    try:
        async with Client(strict.ws_url) as never_starts, Client(strict.ws_url) as idles:
            await idles.start()
            for client in (never_starts, idles):
                assert (await client.expect("error"))["code"] == "idle_timeout"
                assert await client.wait_closed() == 4408
    finally:
        strict.stop()


async def test_media_that_a_client_offers_to_send_is_refused(server: Server) -> None:
    """Nobody would read it, and it would pile up."""
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper")
        await client.connect(direction="sendrecv")
        assert client.peer is not None
        assert {t.currentDirection for t in client.peer.getTransceivers()} == {"recvonly"}


async def test_a_second_offer_is_refused(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper")
        await client.connect()
        assert client.peer is not None
        await client.say("offer", sdp=client.peer.localDescription.sdp)
        assert (await client.expect("error"))["code"] == "already_connected"


async def test_a_clip_is_announced_and_played_to_its_end(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper", mode="clip")
        await client.connect()
        await client.socket.send(TONE[:-1001])  # ends in the middle of a slice, and of a sample
        await client.say("flush")
        assert (await client.expect("speaking", state="started"))["played_ms"] == 0
        assert (await client.expect("speaking", state="finished"))["played_ms"] == 1000
        mark = len(client.messages)
        await client.socket.send(TONE)
        await client.say("flush")
        finished = await client.expect("speaking", after=mark, state="finished")
        assert (finished["utterance"], finished["played_ms"]) == ("2", 1000)


async def test_an_interrupt_stops_the_voice_at_once_and_the_next_utterance_plays(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper", mode="clip")
        await client.connect()
        await client.socket.send(TONE * 8)
        await client.say("flush")
        await client.expect("speaking", state="started")
        begun_at = asyncio.get_running_loop().time()
        await asyncio.sleep(1.0)
        sent_at = asyncio.get_running_loop().time()
        await client.say("interrupt")
        answer = await client.expect("interrupted")
        assert asyncio.get_running_loop().time() - sent_at < OVERTAKING_S
        past_ms = 1000 * (sent_at - begun_at)
        assert past_ms - 200 <= answer["played_ms"] <= past_ms + 300 + 1000 * OVERTAKING_S
        await asyncio.sleep(1.0)
        quiet = np.concatenate([pcm for _, pcm in client.audio.frames[-25:]])
        assert np.abs(quiet).max() < 300
        dark = [level for _, level in client.video.frames[-10:]]
        assert max(dark) < 30
        mark = len(client.messages)
        await client.socket.send(TONE)
        await client.say("flush")
        finished = await client.expect("speaking", after=mark, state="finished")
        assert (finished["utterance"], finished["played_ms"], finished["interrupted"]) == ("2", 1000, False)


async def test_an_interrupt_is_heard_behind_ten_seconds_of_sound(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper", mode="clip")
        await client.connect()
        for _ in range(9):
            await client.socket.send(TONE)
        await client.expect("speaking", state="started")
        sent_at = asyncio.get_running_loop().time()
        await client.say("interrupt")
        await client.expect("interrupted")
        assert asyncio.get_running_loop().time() - sent_at < OVERTAKING_S


async def test_a_closed_tab_frees_everything_within_5_s(server: Server) -> None:
    client = Client(server.ws_url)
    await client.__aenter__()
    await client.start(engine="clapper")
    await client.connect()
    await counted(server, 1)
    client.socket.transport.abort()  # as a browser's process that ends
    await all_freed(server, 5)
    await client.__aexit__()


async def test_a_lost_peer_connection_ends_its_session(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper")
        await client.connect()
        await client.expect("stats")
        assert client.peer is not None
        await client.peer.close()
        assert (await client.expect("error"))["code"] == "peer_lost"
        await all_freed(server, 5)


class BlackHole:
    """A TCP relay that can stop carrying anything, without closing: a dead cable."""

    def __init__(self, target: str) -> None:
        host, port = target.split("//")[1].split("/")[0].split(":")
        self._target = (host, int(port))
        self.alive = asyncio.Event()
        self.alive.set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/ws"

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(*self._target)
        self._tasks += [
            asyncio.create_task(self._carry(reader, to_writer)),
            asyncio.create_task(self._carry(to_reader, writer)),
        ]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self.alive.wait()
            writer.write(data)
            await writer.drain()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server.close()


@pytest.fixture
async def hole(server: Server) -> AsyncIterator[BlackHole]:
    relay = BlackHole(server.ws_url)
    yield relay
    await relay.stop()


@pytest.mark.plain("its relay leads to one address")
async def test_a_dead_socket_frees_everything_within_5_s(server: Server, hole: BlackHole) -> None:
    url = await hole.start()
    socket = await websockets.connect(url, ping_interval=None)
    await socket.send('{"type":"start","engine":"clapper"}')
    assert json.loads(await socket.recv())["type"] == "started"
    hole.alive.clear()
    await counted(server, 1)
    await all_freed(server, 5)
    socket.transport.abort()


def frame(text: str) -> bytes:
    """A client's text frame of up to 125 bytes, masked by zeros."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()


async def test_interrupts_that_come_together_are_one_that_answers_all(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start()
        client.socket.transport.write(frame('{"type":"interrupt"}') * 3000)
        async with asyncio.timeout(30):
            while sum(message.get("answers", 0) for message in client.messages) < 3000:
                assert not any(message["type"] == "error" for message in client.messages)
                await asyncio.sleep(0.05)
        assert sum(message["type"] == "interrupted" for message in client.messages) < 300


async def test_a_client_that_does_not_read_is_closed_and_frees_everything(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    narrow = socket.socket()
    narrow.setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 4096
    )  # before it connects: a window that shrinks loses resets
    narrow.connect((host, int(port)))
    reader, writer = await asyncio.open_connection(sock=narrow, limit=1024)  # beyond twice that it stops reading
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frame('{"type":"start"}'))
    flood = frame('{"type":"mark","id":"' + "m" * 80 + '"}') * 500 + frame('{"type":"interrupt"}')
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(60):
            while True:
                writer.write(flood)
                await writer.drain()
    await all_freed(server, 5)  # with whatever came first: it cannot be told
    writer.close()


@pytest.mark.plain("the memory of its process")
async def test_a_sender_that_is_held_back_is_not_taken_for_dead_until_it_is(server: Server) -> None:
    """Nothing plays before a peer is connected, so the socket is left unread; its pongs wait behind the sound."""
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper", mode="clip")
        sending = asyncio.create_task(_send_for_ever(client))
        await asyncio.sleep(1)
        before_kb = memory_kb(server)
        await asyncio.sleep(6)
        assert memory_kb(server) - before_kb < 20_000
        assert client.socket.transport.get_write_buffer_size() > 0, "the server went on reading"
        assert client.close_code is None
        assert await sessions(server) == 1
        sending.cancel()
        client.socket.transport.abort()
        await all_freed(server, 5)


def memory_kb(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


async def _send_for_ever(client: Client) -> None:
    while True:
        await client.socket.send(TONE)


async def test_an_upload_that_is_cut_short_is_no_bug_of_ours_and_disturbs_nobody(server: Server) -> None:
    host, port = server.url.split("//")[1].split(":")
    head = (
        b"POST /api/avatars HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=q\r\n"
        b"Content-Length: 500000\r\n\r\n--q\r\n"
        b'Content-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    )
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(head + bytes(1000))
        await writer.drain()
        writer.close()
        await asyncio.sleep(0.5)
        assert client.close_code is None
    assert "ASGI" not in server.log.read_text()
