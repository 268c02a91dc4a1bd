"""Stopping, by every signal and at every moment: told, in order, and never with a traceback."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import httpx
import numpy as np
import pytest

from app.assets import DEFAULT_PICTURE
from tests.client import Client
from tests.page import OpenPage, playing, status
from tests.paths import ROOT
from tests.server import Server

pytestmark = pytest.mark.realtime

TONE = (8000 * np.sin(np.arange(48_000) * 0.05)).astype(np.int16).tobytes()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def begin(drain_s: str = "30") -> Server:
        started.append(Server.start(tmp_path, "--engine", "clapper", drain_s=drain_s))
        return started[-1]

    yield begin
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def calm(server: Server, *statuses: int) -> None:
    """It has ended, as it should, and complains of nothing."""
    assert server.process.wait(timeout=60) in statuses
    log = server.log.read_text()
    assert "Traceback" not in log, log


async def test_a_term_lets_sessions_end_by_themselves_and_nobody_new_in(start: Callable[..., Server]) -> None:
    server = start(drain_s="30")
    async with Client(server.ws_url) as here, httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        await here.start(mode="clip")
        await here.connect()
        await here.expect("stats")
        server.process.terminate()
        told = await here.expect("draining")
        assert 25 < told["in_s"] <= 30 and "seq" not in told
        asked = await http.get("/readyz")
        assert (asked.status_code, asked.json()) == (503, {"ready": False, "why": "draining"})
        assert (await http.get("/healthz")).status_code == 200
        refused = await http.post("/api/sessions", json={})
        assert (refused.status_code, refused.json()["code"]) == (503, "server_draining")
        assert int(refused.headers["retry-after"]) <= 10
        async with Client(server.ws_url) as late:
            await late.say("start")
            assert (await late.expect("error"))["code"] == "server_draining"
            assert await late.wait_closed() == 4429
        seen = len(here.video.timestamps)
        await here.socket.send(TONE)
        await here.say("flush")
        await here.expect("speaking", state="finished")
        assert len(here.video.timestamps) > seen, "those who are here are served as before"
        begun = time.monotonic()
        await here.say("stop")
        await here.wait_closed()
    calm(server, 0)
    assert time.monotonic() - begun < 25, "with its last session it goes, long before the time is over"


async def test_a_term_without_sessions_ends_it_at_once(start: Callable[..., Server]) -> None:
    server = start(drain_s="60")
    begun = time.monotonic()
    server.process.terminate()
    calm(server, 0)
    assert time.monotonic() - begun < 40


async def test_what_is_left_when_the_time_is_over_ends_in_order(start: Callable[..., Server], tmp_path: Path) -> None:
    server = start(drain_s="8")
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        made = (await http.post("/api/sessions", json={"record": True})).json()
        async with Client(server.ws_url) as feeder, Client(server.ws_url) as late:
            fed = {"session": made["id"], "token": made["feed"]["token"], "sample_rate": 48_000}
            await feeder.say("attach", **fed)
            await feeder.expect("started")
            await feeder.socket.send(TONE)
            await feeder.expect("stats")
            server.process.terminate()
            await feeder.expect("draining")
            await feeder.socket.close()
            await asyncio.sleep(0.5)
            await late.say("attach", **fed)
            assert (await late.expect("draining"))["in_s"] < 8, "who comes later hears of what is left"
            assert (await late.expect("error", timeout_s=30))["code"] == "server_draining"
            assert await late.wait_closed() == 4429
    calm(server, 0)
    (recording,) = tmp_path.glob("data/**/*.mp4")
    with av.open(str(recording)) as container:
        assert container.duration is not None and container.duration > av.time_base  # its head knows: it was finished
        assert container.streams.video and container.streams.audio


@pytest.mark.browser
async def test_an_element_that_watches_tries_again_until_a_server_answers(
    start: Callable[..., Server], open_page: OpenPage
) -> None:
    server = start(drain_s="2")
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        made = (await http.post("/api/sessions", json={})).json()
        page = await open_page(url=made["view"]["watch"])
        state = "document.querySelector('lipwire-face').state"
        await page.wait_for_function(f"{state} === 'playing'", timeout=20_000)
        server.process.terminate()
        calm(server, 0)
        await page.wait_for_function(f"{state} === 'lost'", timeout=20_000)
        await asyncio.sleep(3)
        assert await page.evaluate(state) == "lost", "it goes on trying"


@pytest.mark.browser
async def test_the_page_says_that_its_server_is_being_stopped(
    start: Callable[..., Server], open_page: OpenPage
) -> None:
    server = start(drain_s="5")
    page = await open_page(url=server.url)
    await page.get_by_role("button", name="Play the sample").click()
    await playing(page)
    server.process.terminate()
    await status(page, "The server is being restarted: this session ends in 5 s at the latest.")
    await status(page, "Start again in a moment.")
    calm(server, 0)


async def test_a_second_signal_ends_the_drain(start: Callable[..., Server]) -> None:
    for second in (signal.SIGTERM, signal.SIGINT):
        server = start(drain_s="600")
        async with Client(server.ws_url) as client:
            await client.start()
            server.process.terminate()
            await client.expect("draining")
            server.process.send_signal(second)
            assert (await client.expect("error"))["code"] == "server_draining"
        calm(server, 0)


async def idle(server: Server) -> None:
    await asyncio.sleep(0)  # nobody is here


async def in_a_session(server: Server) -> Client:
    client = await Client(server.ws_url).__aenter__()
    await client.start()
    await client.connect()
    await client.expect("stats")
    return client


async def in_a_drain(server: Server) -> Client:
    client = await Client(server.ws_url).__aenter__()
    await client.start()
    server.process.terminate()
    await client.expect("draining")
    return client


async def in_an_upload(server: Server) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    head = '--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    lines = ["POST /api/avatars HTTP/1.1", f"Host: {server.url[7:]}", "Content-Length: 100000"]
    lines += ["Content-Type: multipart/form-data; boundary=x", "", head]
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    await asyncio.sleep(0.3)


async def in_a_preparation(server: Server) -> asyncio.Task[None]:
    async def upload() -> None:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as http:
            with contextlib.suppress(httpx.TransportError):
                cut = await http.post("/api/avatars", files={"video": ("v.mp4", long_video(), "video/mp4")})
                assert (cut.status_code, cut.json()["code"]) == (503, "server_draining")

    uploading = asyncio.create_task(upload())
    await asyncio.sleep(3)
    return uploading


def long_video(seconds: int = 40) -> bytes:
    """A face that is looked at for a while before it is an avatar."""
    picture = cv2.imread(str(DEFAULT_PICTURE))
    assert picture is not None
    face = av.VideoFrame.from_ndarray(cv2.resize(picture, (640, 640)).astype(np.uint8), "bgr24")
    out = io.BytesIO()
    with av.open(out, "w", "mp4") as container:
        stream = container.add_stream("h264", rate=25)
        stream.width, stream.height, stream.pix_fmt = face.width, face.height, "yuv420p"
        for number in range(25 * seconds):
            face.pts = number
            container.mux(stream.encode(face))
        container.mux(stream.encode())
    return out.getvalue()


@pytest.mark.parametrize("presses", [1, 2, 3])
@pytest.mark.parametrize("what", [idle, in_a_session, in_a_drain, in_an_upload, in_a_preparation])
async def test_ctrl_c_leaves_no_traceback(
    start: Callable[..., Server], what: Callable[[Server], Awaitable[Any]], presses: int
) -> None:
    server = start()
    left = await what(server)
    for _ in range(presses):
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.1)
    if isinstance(left, Client):
        await left.__aexit__()
    elif left is not None:
        await left
    calm(server, *((0,) if presses == 1 else (0, 130, -2)))


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after_s", [0.2, 0.5, 0.8, 1.1, 1.4, 1.7, 2.0, 2.4, 2.8])
def test_two_signals_while_it_starts_leave_no_traceback(stop: signal.Signals, after_s: float, tmp_path: Path) -> None:
    own = {"LIPWIRE_PORT": "0", "LIPWIRE_DATA_DIR": str(tmp_path), "LIPWIRE_ENGINE": "clapper"}
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], cwd=ROOT, env={**os.environ, **own},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    time.sleep(after_s)
    for _ in range(2):
        process.send_signal(stop)
        time.sleep(0.1)
    said, _ = process.communicate(timeout=20)
    assert process.returncode in (0, -stop, 128 + stop)
    assert "Traceback" not in said and "KeyboardInterrupt" not in said, said


def test_a_service_manager_hears_how_it_stands(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        own = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
        environment = {**os.environ, **own, "LIPWIRE_PORT": "0", "LIPWIRE_DATA_DIR": str(tmp_path / "data")}
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--engine", "clapper"], cwd=ROOT, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            said = [manager.recv(1024).decode() for _ in range(3)]
            assert said == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
            process.terminate()
            while (word := manager.recv(1024).decode()) == "WATCHDOG=1":
                pass
            assert word.startswith("STOPPING=1\nEXTEND_TIMEOUT_USEC=")
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
