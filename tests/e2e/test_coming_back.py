"""A page whose session is lost, is sent elsewhere or asked to move, in a real Chromium: the face is back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
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
from tests.e2e.test_browser import Watched, watch
from tests.noise import DOUBT, Faults, Noise, believed
from tests.page import OpenPage, freed, playing, sessions, status
from tests.server import Server

pytestmark = pytest.mark.browser

BACK_S = 3.0
LINE_CUT = 4000  # as a socket says it that ends for no reason of the server's
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


async def speaks(page: Page) -> None:
    """Watch the face speak; where the machine has no time to draw what it hears, nothing can be told."""

    def faults(seen: Watched, noise: Noise) -> Faults:
        count = int(seen.speaking.sum())
        moved = float(np.percentile(seen.mouth[seen.speaking], 75)) if count > 3 else 0.0
        if moved > 6:
            return {}
        said = f"{count} of {len(seen.voice)} pictures are in the middle of speech, the mouth moves by {moved:.2f}"
        return {DOUBT if noise.is_loud else "silent": f"the face does not speak: {said}"}

    await believed(lambda: watch(page, 7), faults)


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
            await speaks(page)
            await page.click("#stop")
            await freed(server)
    finally:
        doomed.process.kill()
        doomed.process.wait()


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
            await speaks(page)
            await page.click("#stop")
            await freed(stage)
        finally:
            stage.stop()


class Line:
    """One of the page's sockets; ``there`` is the server's end of it."""

    def __init__(self, page: WebSocketRoute, started: Callable[[Line], None]) -> None:
        """``started`` is called when a session has begun on it: a front only says where that is to be."""
        self.page, self.there = page, page.connect_to_server()
        self.said: list[dict[str, Any]] = []
        self.heard_bytes = 0
        self._started = started
        page.on_message(self._to_server)
        self.there.on_message(self._to_page)

    def ask_to_move(self, in_s: float) -> None:
        self.page.send(json.dumps({"type": "move", "in_s": in_s}))

    async def cut(self) -> None:
        await self.there.close()
        await self.page.close(code=LINE_CUT)

    def _to_server(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.said.append(json.loads(message))
        else:
            self.heard_bytes += len(message)
        self.there.send(message)

    def _to_page(self, message: str | bytes) -> None:
        if isinstance(message, str) and json.loads(message)["type"] == "started":
            self._started(self)
        self.page.send(message)


class Sockets:
    """The page's sockets, led through here so that the test can speak on them too, and cut them."""

    def __init__(self) -> None:
        self.opened = 0
        self.all: list[Line] = []  # with a session
        self._is_cut = False

    async def route(self, page: Page) -> None:
        await page.route_web_socket(re.compile(r"/ws(\?|$)"), self._lead)

    async def cut(self) -> None:
        """End the lines that there are, and let no other through."""
        self._is_cut = True
        for line in self.all:
            await line.cut()

    def mend(self) -> None:
        """Let others through from now on."""
        self._is_cut = False

    async def _lead(self, socket: WebSocketRoute) -> None:
        self.opened += 1
        if self._is_cut:
            await socket.close(code=LINE_CUT)
        else:
            Line(socket, self.all.append)


async def test_stop_ends_the_coming_back_at_once(server: Server, open_page: OpenPage) -> None:
    page, sockets = await open_page(url="about:blank"), Sockets()
    await sockets.route(page)
    await page.goto(server.url)
    await speak(page)
    await sockets.cut()
    await status(page, "Coming back by itself")
    await page.click("#stop")
    await status(page, "Ready.", 1_000)
    sockets.mend()
    await asyncio.sleep(4)
    assert await sessions(server) == 0
    assert await page.evaluate("document.body.dataset.state") == "idle"


async def test_a_microphone_moves_without_being_asked_for_again(server: Server, open_page: OpenPage) -> None:
    page, sockets = await open_page(url="about:blank"), Sockets()
    await sockets.route(page)
    await page.goto(server.url)
    await speak(page)

    async def once() -> float:
        count = sockets.opened
        sockets.all[-1].ask_to_move(20)
        async with asyncio.timeout(15):  # three seconds at most, for the voice to rest
            while sockets.opened == count:
                await asyncio.sleep(0.01)
        left_at = await now_ms(page)
        await status(page, "Speak: the face follows")
        return await shown_after_s(page, left_at)

    def faults(back_s: float, noise: Noise) -> Faults:
        print(f"back after {back_s:.2f} s")
        return {"late": f"back after {back_s:.2f} s"} if back_s > BACK_S else {}

    await believed(once, faults)
    assert sockets.all[0].said[-1] == {"type": "stop"}
    assert await page.evaluate("window.asked") == 1 and await page.evaluate("window.darkest") > 30
    heard_bytes = sockets.all[-1].heard_bytes
    async with asyncio.timeout(15):
        while sockets.all[-1].heard_bytes == heard_bytes:  # its voice comes to where it is now
            await asyncio.sleep(0.05)
    await speaks(page)
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
    sockets.all[-1].ask_to_move(20)
    await status(page, "moves to another machine", 25_000)
    await status(page, "Playing the sample.")
    await status(page, "Finished.", 60_000)
    left, gone_on = sockets.all
    assert {"type": "interrupt"} in left.said and gone_on.said[0]["next_utterance"] == 2
    assert gone_on.said[-1] == {"type": "flush"}
    # what was sent a second time is what had been sent ahead of its playing
    ahead_s = (left.heard_bytes + gone_on.heard_bytes - length) / 96_000
    assert 0 <= ahead_s < 6
    await page.click("#stop")
    await freed(server)
