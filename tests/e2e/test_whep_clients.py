"""Watching with players that others wrote: two in a browser, from another origin, and GStreamer's."""

from __future__ import annotations

import asyncio
import functools
import http.server
import json
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.e2e.whep_stage import Stage, staged
from tests.page import OpenPage
from tests.paths import ROOT

SYSTEM_PYTHON = Path("/usr/bin/python3")  # Debian's bindings to GStreamer are made for it
GSTREAMER = (
    "gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-nice gir1.2-gst-plugins-bad-1.0 python3-gst-1.0"
)

GSTREAMER_MISSING = 3  # exit status
PICTURES = 50  # two seconds
LIMIT_S = 30  # for what takes a moment on a quiet machine
AUDIBLE = 1e-3  # of energy: full scale for 1 ms
PAGE = '<!doctype html><video autoplay playsinline></video><script type="module" src="players.js"></script>'


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def players_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with both players in it, on a server of its own."""
    folder = tmp_path_factory.mktemp("players")
    esbuild = ROOT / "node_modules" / "esbuild" / "bin" / "esbuild"
    assert esbuild.is_file(), "The players are not installed: npm ci."
    entry = ROOT / "bench" / "whep_players.js"
    bundle = [str(esbuild), str(entry), "--bundle", "--format=esm", f"--outfile={folder / 'players.js'}"]
    subprocess.run(bundle, cwd=ROOT, check=True, capture_output=True)
    (folder / "index.html").write_text(PAGE)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as stage:
        yield stage


async def until(page: Page, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until what the browser received is enough."""
    seen: dict[str, Any] = {}
    try:
        async with asyncio.timeout(LIMIT_S):
            while not reached(seen := await page.evaluate("received()")):
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"it did not come to that: {seen}")
    return seen


def more_than(before: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    """Whether two seconds more were seen and heard."""

    def reached(seen: dict[str, Any]) -> bool:
        pictures, energy = seen["pictures"] - before["pictures"], seen["energy"] - before["energy"]
        return bool(pictures >= PICTURES and energy > AUDIBLE)

    return reached


def on_another_path_than(before: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    return lambda seen: seen["path"] not in (None, before["path"])


NOTHING = {"pictures": 0, "energy": 0.0}
OF_ITS_OWN = "a session of the test's own process, whose address players have as from a front's answer"


@pytest.mark.plain(OF_ITS_OWN)
@pytest.mark.browser
@pytest.mark.parametrize("player", ["medooze", "eyevinn"])
async def test_a_player_shows_the_face_lets_it_be_heard_and_leaves(
    open_page: OpenPage, players_page: str, stage: Stage, player: str
) -> None:
    page = await open_page(url=players_page)
    await page.evaluate("([name, url, token]) => players[name](url, token)", [player, stage.url, stage.token])
    seen = await until(page, more_than(NOTHING))
    assert seen["state"] == "connected"
    await page.evaluate("() => client.stop?.length === 0 && client.unload ? client.unload() : client.stop()")
    async with asyncio.timeout(LIMIT_S):  # it says goodbye by DELETE
        while stage.session.viewer_count:
            await asyncio.sleep(0.05)


@pytest.mark.plain(OF_ITS_OWN)
@pytest.mark.browser
async def test_ice_restarts_and_the_picture_goes_on(open_page: OpenPage, players_page: str, stage: Stage) -> None:
    page = await open_page(url=players_page)
    await page.evaluate("([url, token]) => players.medooze(url, token)", [stage.url, stage.token])
    before = await until(page, more_than(NOTHING))
    for _ in range(2):
        await page.evaluate("client.restart()")
        after = await until(page, on_another_path_than(before))
        assert after["iceUfrag"] != before["iceUfrag"], "it is another ICE session"
        seen = await until(page, more_than(after))
        assert (seen["state"], seen["freezes"]) == ("connected", 0)
        before = seen
    assert stage.session.viewer_count == 1


@pytest.mark.realtime
async def test_gstreamer_shows_the_face_and_lets_it_be_heard(stage: Stage) -> None:
    if not SYSTEM_PYTHON.is_file():
        pytest.skip("GStreamer's player needs Debian's Python: apt-get install python3")
    script = Path(__file__).with_name("whep_gstreamer.py")
    player = await asyncio.create_subprocess_exec(
        SYSTEM_PYTHON, script, stage.url, stage.token, str(LIMIT_S), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await player.communicate()
    if player.returncode == GSTREAMER_MISSING:
        pytest.skip(f"GStreamer cannot play here ({said.decode().strip()}): apt-get install {GSTREAMER}")
    assert player.returncode == 0
    seen = json.loads(said)
    assert seen["pictures"] >= PICTURES and seen["sounds"] >= PICTURES and seen["energy"] > AUDIBLE, seen
    assert seen["patches"] and set(seen["patches"]) == {204}, "its candidates came later, and were taken"
    async with asyncio.timeout(LIMIT_S):
        while stage.session.viewer_count:
            await asyncio.sleep(0.05)
