from __future__ import annotations

import functools
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aioice.ice
import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from playwright.async_api import Page, async_playwright

from app.assets import SAMPLE
from app.avatars.avatar import Avatar
from app.avatars.store import DEFAULT_ID, AvatarStore
from app.faces.face import FaceFinder
from tests.front_switch import THROUGH_FRONT
from tests.mirror import Answer, Mirror, StartMirror
from tests.page import WATCH_JS, OpenPage
from tests.s3 import S3, s3_server
from tests.server import Serve, Server, either
from tests.stores import Tried, bucket, folder

SPEECH_S, SILENCE_S = 3, 3
SITE = "http://localhost"


# the application is not reached under the name that a test client thinks of, but as this machine it is
TestClient.__init__ = functools.partialmethod(TestClient.__init__, base_url=SITE)  # type: ignore[assignment]
# torch's threads would spin where they wait for each other, on cores that another process needs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Through a front, leave out what asks for no server that could stand behind one."""
    if THROUGH_FRONT:
        meant = [item for item in items if "serve" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in meant])
        items[:] = meant


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what is about a plain server's inside where a cluster stands in its place."""
    if THROUGH_FRONT and (mark := item.get_closest_marker("plain")) is not None:
        pytest.skip(f"of the plain server: {mark.args[0]}")


@pytest.fixture(autouse=True)
def mdns() -> None:
    """Forget aioice's one lock for mDNS names, which stays with the first event loop that waited for it."""
    vars(aioice.ice._mdns).clear()


@pytest.fixture(scope="session")
def serve() -> Serve:
    """Serve with settings of one's own: who asks for this, or for what does, runs through a front too."""
    return either


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[Server]:
    """One server for all tests that do not need settings of their own, or a cluster's front (LIPWIRE_TEST_FRONT=1)."""
    with serve(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """One S3 server for all tests; each has a prefix of its own."""
    with s3_server() as started:
        yield started


@pytest.fixture(params=["folder", "s3"])
def tried(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tried]:
    """A shared store: in a folder, and in a bucket of an S3 server, which is there again after the test."""
    if request.param == "folder":
        yield folder(tmp_path / "store")
    else:
        server: S3 = request.getfixturevalue("s3")
        yield bucket(server, secrets.token_hex(4))
        server.mend()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; without one the browser tests fail, they are not skipped."""
    path = os.environ.get("LIPWIRE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path or not Path(path).is_file():
        pytest.fail("No Chromium was found: apt-get install chromium, or set LIPWIRE_CHROMIUM to its path.")
    return path


@pytest.fixture(scope="session")
def avatar(tmp_path_factory: pytest.TempPathFactory) -> Avatar:
    """The bundled avatar, with its mesh."""
    return AvatarStore(tmp_path_factory.mktemp("avatars"), FaceFinder(), 1080, 1).load(DEFAULT_ID)


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of speech, three of silence; Chromium plays it round and round."""
    pcm, rate = soundfile.read(SAMPLE, dtype="float32", start=22_050 * 3, frames=22_050 * SPEECH_S)
    path = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    soundfile.write(path, np.concatenate([pcm, np.zeros(rate * SILENCE_S, np.float32)]), rate, subtype="PCM_16")
    return path


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartMirror]:
    """Start mirrors, each with its answers; they end with the test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # whatever proxy this machine has is not for its own servers
    started: list[Mirror] = []

    def start(*answers: Answer) -> Mirror:
        started.append(Mirror(*answers))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
async def open_page(chromium: str, microphone: Path, server: Server) -> AsyncIterator[OpenPage]:
    """Open the page, as a visitor does; its own errors fail the test."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        browsers = []

        async def open(
            *flags: str,
            url: str = server.url,
            microphone_allowed: bool = True,
            plays_at_once: bool = True,
            bound_by_policy: bool = False,
        ) -> Page:
            ui = "--use-fake-ui-for-media-stream" + ("" if microphone_allowed else "=deny")
            autoplay = "no-user-gesture-required" if plays_at_once else "document-user-activation-required"
            browser = await playwright.chromium.launch(
                executable_path=chromium,
                args=[
                    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                    f"--autoplay-policy={autoplay}", "--use-fake-device-for-media-stream",
                    f"--use-file-for-fake-audio-capture={microphone}", ui, *flags,
                ],
            )  # fmt: skip
            browsers.append(browser)
            # what waits for a function evaluates text in the page, as its policy forbids to everybody else
            context = await browser.new_context(
                viewport={"width": 1280, "height": 800}, ignore_https_errors=True, bypass_csp=not bound_by_policy
            )
            page = await context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            await page.add_init_script(WATCH_JS)
            await page.goto(url)
            return page

        yield open
        for browser in browsers:
            await browser.close()
    assert errors == []
