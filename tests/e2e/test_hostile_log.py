"""What strangers send, and what a real server writes down of it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
import websockets

from bench.server import COMMAND, environment_of, launch
from tests.client import Client
from tests.server import Server

pytestmark = pytest.mark.realtime

FORGED = "\n2026-01-01 00:00:00,000 ERROR all is lost\x1b[1A\u202e"
SECRET = "s3cret-s3cret"
NAMED = re.compile(r'(?:\[session=|"session": ")([0-9a-f]{24})')
HEAD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) ")


@pytest.fixture(scope="module", params=["text", "json"])
def logged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tells as much as it can."""
    folder = tmp_path_factory.mktemp("logged")
    flags = {"log_format": request.param, "api_keys": SECRET}
    server = Server.start(folder, command=(*COMMAND, "--log-level", "debug"), **flags)
    yield server
    assert server.stop() in (0, -15)


async def attack(server: Server) -> None:
    """Send strings that would forge lines, and bytes that are no text, wherever strings go."""
    address = urlsplit(server.url)
    async with httpx.AsyncClient(base_url=server.url, headers={"authorization": f"Bearer {SECRET}"}) as client:
        picture = {"image": (f"x{FORGED}.jpg", b"no picture", "image/jpeg")}
        await client.post("/api/avatars", files=picture)
        await client.post("/api/sessions", json={"avatar": FORGED, "engine": "clapper"})
        await client.post("/api/sessions", json={"engine": FORGED})
        await client.post("/api/sessions", content=b'{"avatar": "\xff\xfe"}')
        await client.post("/api/sessions", content=b'{"' + FORGED.encode() + b'": ')
        await client.get(f"/api/sessions/{quote(FORGED)}?token={SECRET}")
        made = (await client.post("/api/sessions", json={"engine": "clapper"})).json()
        await client.post(
            f"/whep/{made['id']}?token={SECRET}",
            content=b"v=0\r\no=" + FORGED.encode() + b"\xff",
            headers={"content-type": "application/sdp", "authorization": f"Bearer {made['view']['token']}"},
        )
        assert (await client.delete(f"/api/sessions/{made['id']}")).status_code == 204
    for raw in (
        b"GET /\xff\xfe%0a%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz%0aERROR%ff HTTP/1.1\r\nHost: \xff\r\nUser-Agent: a\x1b[1A\xff\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\nb: c\x00\r\n\r\n",
        b"\xff\x00\x1b[2K\n\n\n\r\n\r\n",
    ):
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(raw)
            await asyncio.wait_for(reader.read(200), 5)
            writer.close()
    for message in (
        json.dumps({"type": "start", "engine": "clapper", "avatar": FORGED, "key": SECRET}),
        json.dumps({"type": "start" + FORGED}),
        json.dumps({"type": "attach", "session": FORGED, "token": SECRET}),
        "{" + FORGED,
    ):
        async with websockets.connect(f"{server.ws_url}?token={SECRET}%0a") as door:
            await door.send(message)
            with contextlib.suppress(websockets.ConnectionClosed):
                await asyncio.wait_for(door.recv(), 10)
    await alone(server)
    async with websockets.connect(server.ws_url) as door:
        await door.send(json.dumps({"type": "start", "engine": "clapper", "mode": "agent", "key": SECRET}))
        await asyncio.wait_for(door.recv(), 20)
        await door.send(json.dumps({"type": "utterance", "id": FORGED}))
        await door.send(json.dumps({"type": "utterance" + FORGED}))
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await asyncio.wait_for(door.recv(), 10)
    await bad_text(server)


async def alone(server: Server) -> None:
    """Wait until no session is open: one that is alone is let in, however busy the machine is."""
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        async with asyncio.timeout(30):
            while (await client.get("/healthz")).json()["sessions"]:
                await asyncio.sleep(0.05)


async def bad_text(server: Server) -> None:
    """Send a text frame that is no UTF-8; a client of ours would not, so it is written by hand."""
    address = urlsplit(server.url)
    connection = socket.create_connection((address.hostname or "", address.port or 0), 10)
    hello = (
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).replace("Host: localhost", f"Host: {address.netloc}")
    with connection:
        await asyncio.to_thread(connection.sendall, hello.encode())
        await asyncio.to_thread(connection.recv, 4096)
        connection.sendall(b"\x81\x83\x00\x00\x00\x00\xff\xfe\xfd")
        with contextlib.suppress(OSError):
            await asyncio.to_thread(connection.recv, 4096)


async def test_strangers_forge_no_line_leave_no_traceback_and_no_secret(logged: Server) -> None:
    await attack(logged)
    await asyncio.sleep(0.5)
    written = logged.log.read_text()
    lines = written.split("\n")[:-1]
    assert len(lines) > 10
    for line in lines:
        assert line.isprintable() and "\x1b" not in line, repr(line)
        told = json.loads(line) if line.startswith("{") else None
        assert told is not None or HEAD.match(line), f"a line that nobody wrote: {line!r}"
        assert "traceback" not in (told or {}), line
    assert "Traceback" not in written
    assert SECRET not in written
    assert not re.search(r"eyJ[\w-]+\.", written), "a token"
    assert "Invalid UTF-8" in written or "bad UTF-8" in written


async def test_every_line_of_a_session_names_it(logged: Server) -> None:
    await alone(logged)
    before = len(logged.log.read_text().splitlines())
    async with Client(logged.ws_url) as client:
        id = (await client.start(engine="clapper", key=SECRET))["session"]
        await client.connect()
        await client.expect("viewers", count=1)
        await client.expect("stats")
        await client.say("offer", sdp="another")
        await client.wait_closed()
    await alone(logged)
    await asyncio.sleep(0.5)
    lines = logged.log.read_text().splitlines()[before:]
    own = [line for line in lines if "WebSocket" not in line and "connection " not in line]
    for said in ("opened", "viewer: connecting", "viewer: connected", "played 0.0 s", "already_connected", "closed"):
        assert any(said in line for line in own), said
    named = [NAMED.search(line) for line in own]  # the session before may still be ending
    assert all(named), own
    assert sum(found is not None and found[1] == id for found in named) >= 6


async def test_a_log_that_nobody_reads_stops_nobody(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)  # full after a few lines
    with os.fdopen(writing, "w") as stderr:
        served = launch([*COMMAND, "serve"], environment_of(tmp_path, {}), log=stderr)
    try:
        async with httpx.AsyncClient(base_url=served.url, trust_env=False, timeout=10) as client:
            for _ in range(40):
                made = await client.post("/api/sessions", json={"engine": "clapper", "hold_until_viewer": True})
                assert (await client.delete(f"/api/sessions/{made.json()['id']}")).status_code == 204
            assert (await client.get("/healthz")).status_code == 200
    finally:
        served.process.terminate()
        try:
            assert served.process.wait(20) in (0, -15)
        finally:
            served.process.kill()
            os.close(reading)
