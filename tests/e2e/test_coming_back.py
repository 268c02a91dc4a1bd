"""A page whose session is lost, is sent elsewhere or asked to move, in a real Chromium: the face is back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import websockets
from playwright.async_api import Page, WebSocketRoute
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from tests.address import Address
from tests.e2e.test_browser import watch
from tests.noise import Faults, Noise, believed
from tests.page import OpenPage, freed, playing, sessions, status
from tests.server import Server

pytestmark = pytest.mark.browser

BACK_S = 3.0
# how often the page asked for the microphone; when the newest stream showed its first picture; how bright what is seen
# was, at its darkest
SPY = """() => {
  window.asked = 0;
  window.shownAt = 0;
  window.darkest = 255;
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (...wish) => (window.asked += 1, ask(...wish));
  const [video, still] = document.querySelectorAll('#video, #still');
  let stream = null;
  const note = () => {
    if (video.srcObject !== stream) window.shownAt = performance.now();
    stream = video.srcObject;
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
  const canvas = new OffscreenCanvas(8, 8);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  window.look = () => {
    context.clearRect(0, 0, 8, 8);
    if (video.readyState >= 2) context.drawImage(video, 0, 0, 8, 8);
    if (!still.hidden) context.drawImage(still, 0, 0, 8, 8);
    const pixels = context.getImageData(0, 0, 8, 8).data;
    const light = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    const isOn = document.querySelector('#stage').classList.contains('is-speaking');
    if (isOn) window.darkest = Math.min(window.darkest, light);
    requestAnimationFrame(window.look);
  };
}"""


async def speak(page: Page) -> None:
    await page.evaluate(SPY)
    await page.click("#start-mic")
    await playing(page)
    await status(page, "Speak: the face follows")
    await page.evaluate("window.look()")


async def shown_after_s(page: Page, since_ms: float, timeout_s: float = 30) -> float:
    """Wait for a picture of a new stream; returns when it came."""
    async with asyncio.timeout(timeout_s):
        while (shown := float(await page.evaluate("window.shownAt"))) <= since_ms:
            await asyncio.sleep(0.02)
    return (shown - since_ms) / 1000


async def now_ms(page: Page) -> float:
    return float(await page.evaluate("performance.now()"))


async def speaks(page: Page) -> bool:
    seen = await watch(page, 7)
    return bool(seen.speaking.sum() > 3 and np.percentile(seen.mouth[seen.speaking], 75) > 6)


@pytest.mark.plain("one process is killed; tests/cluster kills stages")
async def test_a_server_that_is_killed_and_started_again_has_its_face_back(
    server: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    doomed = Server.start(tmp_path)
    try:
        async with Address(doomed) as address:
            page = await open_page(url=address.url)
            await speak(page)
            doomed.process.kill()
            await asyncio.to_thread(doomed.process.wait)
            await status(page, "Coming back by itself")

            async def once() -> float:
                await address.close()
                await status(page, "Coming back by itself")
                await asyncio.sleep(1.5)
                assert await page.evaluate("document.body.dataset.state") == "connecting"
                back_at = await now_ms(page)
                await address.lead_to(server)
                await status(page, "Speak: the face follows")
                return await shown_after_s(page, back_at)

            def faults(back_s: float, noise: Noise) -> Faults:
                print(f"back after {back_s:.2f} s")
                return {"late": f"back after {back_s:.2f} s"} if back_s > BACK_S else {}

            await believed(once, faults)
            assert await page.evaluate("window.asked") == 1, "the microphone stays open"
            assert await page.evaluate("window.darkest") > 30, "the last picture stays until the new one is there"
            assert await page.locator("#sessions li").count() == 1
            await believed(lambda: speaks(page), lambda so, noise: {} if so else {"silent": "the face does not speak"})
            await page.click("#stop")
            await freed(server)
    finally:
        doomed.process.kill()
        doomed.process.wait()


async def test_stop_ends_the_coming_back_at_once(server: Server, open_page: OpenPage) -> None:
    async with Address(server) as address:
        page = await open_page(url=address.url)
        await speak(page)
        await address.close()
        await status(page, "Coming back by itself")
        await page.click("#stop")
        await status(page, "Ready.", 1_000)
        await address.lead_to(server)
        await asyncio.sleep(4)
        assert await sessions(server) == 0
        assert await page.evaluate("document.body.dataset.state") == "idle"


@contextlib.asynccontextmanager
async def front_of() -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Serve another server's pages, and name that where sessions begin; yields the address, and what it knows."""
    known: dict[str, Any] = {"server": None, "said": []}

    async def page_of(connection: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/ws"):
            return None

        def ask() -> Response:
            try:
                with urllib.request.urlopen(known["server"].url + request.path) as answer:
                    headers = Headers({"Content-Type": answer.headers["Content-Type"] or ""})
                    return Response(200, "OK", headers, answer.read())
            except urllib.error.HTTPError as error:
                return Response(error.code, http.HTTPStatus(error.code).phrase, Headers(), error.read())

        response = await asyncio.to_thread(ask)
        response.headers["Content-Length"] = str(len(response.body or b""))
        response.headers["Connection"] = "close"
        return response

    async def name(connection: ServerConnection) -> None:
        known["said"].append(json.loads(await connection.recv()))
        await connection.send(json.dumps({"type": "elsewhere", "url": known["server"].ws_url + "?place=a-ticket"}))
        await connection.close(4307)

    async with websockets.serve(name, "127.0.0.1", 0, process_request=page_of) as serving:
        yield f"http://127.0.0.1:{next(iter(serving.sockets)).getsockname()[1]}", known


@pytest.mark.plain("a front that is played by the test")
async def test_a_front_that_names_another_address_is_followed(open_page: OpenPage, tmp_path: Path) -> None:
    async with front_of() as (url, known):
        stage = Server.start(tmp_path, allowed_origins=url)
        try:
            known["server"] = stage
            page = await open_page(url=url)
            opened: list[str] = []
            page.on("websocket", lambda socket: opened.append(socket.url))
            await speak(page)
            assert opened == [url.replace("http", "ws") + "/ws", stage.ws_url + "?place=a-ticket"]
            assert [message["type"] for message in known["said"]] == ["start"]
            await believed(lambda: speaks(page), lambda so, noise: {} if so else {"silent": "the face does not speak"})
            await page.click("#stop")
            await freed(stage)
        finally:
            stage.stop()


class Sockets:
    """The page's session sockets, led through here so that the test can speak on them too."""

    def __init__(self) -> None:
        self.all: list[WebSocketRoute] = []
        self.said: list[list[dict[str, Any]]] = []
        self.heard_bytes: list[int] = []

    async def route(self, page: Page) -> None:
        await page.route_web_socket("**/ws", self._lead)

    def _lead(self, socket: WebSocketRoute) -> None:
        there, place = socket.connect_to_server(), len(self.all)
        self.all.append(socket)
        self.said.append([])
        self.heard_bytes.append(0)

        def forward(message: str | bytes) -> None:
            if isinstance(message, str):
                self.said[place].append(json.loads(message))
            else:
                self.heard_bytes[place] += len(message)
            there.send(message)

        socket.on_message(forward)

    def ask_to_move(self, in_s: float) -> None:
        self.all[-1].send(json.dumps({"type": "move", "in_s": in_s}))


async def test_a_microphone_moves_without_being_asked_for_again(server: Server, open_page: OpenPage) -> None:
    page, sockets = await open_page(url="about:blank"), Sockets()
    await sockets.route(page)
    await page.goto(server.url)
    await speak(page)

    async def once() -> float:
        count = len(sockets.all)
        sockets.ask_to_move(20)
        async with asyncio.timeout(15):  # three seconds at most, for the voice to rest
            while len(sockets.all) == count:
                await asyncio.sleep(0.01)
        left_at = await now_ms(page)
        await status(page, "Speak: the face follows")
        return await shown_after_s(page, left_at)

    def faults(back_s: float, noise: Noise) -> Faults:
        print(f"back after {back_s:.2f} s")
        return {"late": f"back after {back_s:.2f} s"} if back_s > BACK_S else {}

    await believed(once, faults)
    assert sockets.said[0][-1] == {"type": "stop"}
    assert await page.evaluate("window.asked") == 1 and await page.evaluate("window.darkest") > 30
    await believed(lambda: speaks(page), lambda so, noise: {} if so else {"silent": "the face does not speak"})
    await page.click("#stop")
    await freed(server)


async def test_a_clip_moves_at_a_pause_and_goes_on_where_it_was(server: Server, open_page: OpenPage) -> None:
    page, sockets = await open_page(url="about:blank"), Sockets()
    await sockets.route(page)
    await page.goto(server.url)
    await page.click("#play-sample")
    await playing(page)
    length = await page.evaluate(
        """async () => {
          const bytes = await (await fetch('/web/assets/sample.wav')).arrayBuffer();
          return (await new OfflineAudioContext(1, 1, 48_000).decodeAudioData(bytes)).length * 2;
        }"""
    )
    sockets.ask_to_move(20)
    await status(page, "moves to another machine", 25_000)
    await status(page, "Playing the sample.")
    await status(page, "Finished.", 60_000)
    assert len(sockets.all) == 2
    assert {"type": "interrupt"} in sockets.said[0] and sockets.said[1][0]["next_utterance"] == 2
    assert sockets.said[1][-1] == {"type": "flush"}
    # what was sent a second time is what had been sent ahead of its playing
    ahead_s = (sum(sockets.heard_bytes) - length) / 96_000
    assert 0 <= ahead_s < 6
    await page.click("#stop")
    await freed(server)
