"""Framing in a real browser: the dialog with its preview, a green background live, a film with alpha over a page."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile
from playwright.async_api import Page

from app.assets import SAMPLE
from app.avatars.avatar import Avatar
from app.avatars.background import TRANSPARENT
from app.avatars.reframed import with_background
from app.commands.render import render_file
from app.inference.engines.portrait.engine import PortraitEngine
from app.provenance.origin import Origin
from tests.faces.scenes import before, window
from tests.page import OpenPage, freed, playing, status
from tests.server import Server

pytestmark = pytest.mark.browser
SLOW_MS = 60_000
PIXEL = """([selector, x, y]) => {
  const video = document.querySelector(selector);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  return [...context.getImageData(Math.round(x * canvas.width), Math.round(y * canvas.height), 1, 1).data];
}"""


async def says(page: Page, text: str) -> None:
    await page.locator("#framing-dialog [role=status]", has_text=text).wait_for(timeout=SLOW_MS)


async def preview_size(page: Page) -> list[int]:
    size: list[int] = await page.evaluate(
        """async () => {
          const image = document.querySelector('.framing-view img');
          await image.decode();
          return [image.naturalWidth, image.naturalHeight];
        }"""
    )
    return size


async def test_a_picture_is_framed_as_its_preview_shows_and_speaks_before_green(
    server: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    room = cv2.resize(window().astype(np.float32), (1600, 900))
    small = cv2.resize(before(window()), None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    room[-small.shape[0] :, 900 : 900 + small.shape[1]] = small
    picture = tmp_path / "My niece.png"
    cv2.imwrite(str(picture), room)
    page = await open_page()
    frame = page.get_by_role("button", name="Crop, change background")
    assert await frame.is_hidden()
    await page.set_input_files("#face-file", picture)
    await status(page, "new face is ready", SLOW_MS)
    await frame.click()
    use = page.get_by_role("button", name="Use this")
    await says(page, "1080 × 608")
    assert await use.is_disabled(), "nothing would change"
    for shape, aspect in (("Portrait", 3 / 4), ("Landscape", 16 / 9), ("Square", 1)):
        await page.get_by_role("radio", name=shape).check()
        await says(page, "pixels")
        width, height = await preview_size(page)
        assert abs(width / height / aspect - 1) < 0.02
    await page.select_option("#framing-background", "picture")
    await says(page, "Choose the picture behind.")
    assert await use.is_disabled()
    await page.select_option("#framing-background", "blur")
    await says(page, "pixels")
    await use.click()
    await status(page, "new face is ready", SLOW_MS)
    await page.click(".settings summary")
    await page.select_option("#background", "green")
    await page.click("#play-sample")
    await playing(page)
    corner, face = [await page.evaluate(PIXEL, ["#video", *at]) for at in ((0.02, 0.02), (0.5, 0.45))]
    assert np.abs(np.array(corner[:3]) - (0, 177, 64)).max() < 25
    assert face[0] > face[1], "skin"
    await page.click("#stop")
    await freed(server)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve a folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}", tmp_path
    served.shutdown()
    thread.join()
    served.server_close()


async def test_a_film_with_alpha_lets_the_page_behind_it_through(
    site: tuple[str, Path], open_page: OpenPage, avatar: Avatar
) -> None:
    url, folder = site
    pcm, rate = soundfile.read(SAMPLE, dtype="int16", frames=22_050)
    soundfile.write(folder / "short.wav", pcm, rate)
    cut, _ = with_background(avatar, TRANSPARENT)
    render_file(PortraitEngine(), cut, folder / "short.wav", folder / "film.webm", Origin("AI-generated"))
    (folder / "page.html").write_text(
        '<body style="margin:0;background:rgb(255,0,255)"><video src="film.webm" muted style="width:768px"></video>'
    )
    page = await open_page(url="about:blank")
    await page.set_viewport_size({"width": 768, "height": 768})
    await page.goto(f"{url}/page.html")
    await page.evaluate(
        """() => new Promise((resolve, reject) => {
          const video = document.querySelector('video');
          video.onerror = () => reject(video.error.message);
          video.onended = resolve;
          video.play();
        })"""
    )
    assert (await page.evaluate(PIXEL, ["video", 0.02, 0.02]))[3] == 0, "transparent"
    assert (await page.evaluate(PIXEL, ["video", 0.5, 0.4]))[3] == 255
    shot = cv2.imdecode(np.frombuffer(await page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert shot is not None
    assert np.abs(shot[20, 20].astype(int) - (255, 0, 255)).max() < 4, "the page"
    assert shot[300, 384, 2] > shot[300, 384, 0], "skin"
