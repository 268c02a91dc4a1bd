"""The page in a real Chromium, with a microphone fed from a file."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from playwright.async_api import Locator, Page, Route

from app.assets import DEFAULT_PICTURE
from tests.avatars.test_video_avatars import at, film, gently
from tests.certificates import make_certificate
from tests.cluster.running import free_port
from tests.noise import Faults, Noise, believed
from tests.page import OpenPage, delete_face, freed, playing, sessions, status
from tests.server import Serve, Server

pytestmark = pytest.mark.browser


@dataclass
class Watched:
    """What the page showed and sounded, frame by frame."""

    voice: np.ndarray  # level of the received sound around each frame, 0…1
    mouth: np.ndarray  # mean difference of the mouth's region from rest, 0…255
    fps: float

    @property
    def speaking(self) -> np.ndarray:
        """Frames in the middle of sound, not at its borders."""
        return np.asarray(np.convolve(self.voice > 0.02, np.ones(5), "same") == 5)

    @property
    def quiet(self) -> np.ndarray:
        return np.asarray(np.convolve(self.voice < 0.003, np.ones(7), "same") == 7)


async def watch(page: Page, seconds: float) -> Watched:
    """Look at the video's mouth and listen to its sound."""
    mouth = {"x": 0.38, "y": 0.52, "width": 0.25, "height": 0.18}  # of the default portrait
    seen: dict[str, Any] = await page.evaluate("([s, box]) => window.lipwireWatch(s, box)", [seconds, mouth])
    frames = seen["frames"]
    levels = np.array([[level["t"], level["rms"]] for level in seen["levels"]])
    times = np.array([frame["t"] for frame in frames])
    voice = np.interp(times, levels[:, 0], np.convolve(levels[:, 1], np.ones(5) / 5, "same"))
    return Watched(voice, np.array([frame["change"] for frame in frames]), len(frames) / seconds)


def faults_of(seen: Watched, noise: Noise) -> Faults:
    """Say why the face does not speak in step; a browser without a GPU shares the cores with server and encoder."""
    least_fps, least_speaking, least_quiet = (6, 5, 3) if noise.is_loud else (17, 10, 5)
    found = {}
    if seen.fps < least_fps:
        found["fps"] = f"only {seen.fps:.1f} pictures a second were shown"
    if seen.speaking.sum() <= least_speaking or seen.quiet.sum() <= least_quiet:
        return found | {"few": f"{seen.speaking.sum()} pictures in speech, {seen.quiet.sum()} in silence"}
    moved, rested = np.percentile(seen.mouth[seen.speaking], 75), np.percentile(seen.mouth[seen.quiet], 90)
    # the codec alone makes 1.7, and up to 3 in a fresh key frame
    if rested >= min(6.0, 0.5 * moved):
        found["rest"] = f"the mouth did not rest: {rested:.2f} against {moved:.2f}"
    if moved <= 8.0:
        found["moves"] = f"the mouth hardly moved: {moved:.2f}"
    return found


async def speaks_in_step(page: Page, seconds: float, begin: Callable[[], Awaitable[None]]) -> None:
    """Watch the face speak; `begin` makes it speak anew, each time that it is watched."""

    async def once() -> Watched:
        await begin()
        await playing(page)
        return await watch(page, seconds)

    await believed(once, faults_of)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[Server]:
    """Serve faces of which nothing moves but the mouth, which is looked at; a head's turns are looked at elsewhere."""
    with serve(tmp_path_factory.mktemp("still"), life="0") as started:
        yield started


async def test_speaking_into_the_microphone_makes_the_face_speak(still: Server, open_page: OpenPage) -> None:
    page = await open_page(url=still.url)
    await page.click("#start-mic")
    await speaks_in_step(page, 9, lambda: asyncio.sleep(1))  # the microphone speaks all the time
    await page.wait_for_function("/^\\d+ ms$/.test(document.querySelector('#fig-delay').textContent.trim())")
    await page.click("#stop")
    await page.wait_for_function("document.body.dataset.state === 'idle'")
    await freed(still)


async def test_the_sample_plays_until_interrupted_and_a_closed_tab_frees_the_session(
    still: Server, open_page: OpenPage
) -> None:
    page = await open_page(url=still.url)
    await speaks_in_step(page, 8, lambda: page.click("#play-sample"))
    await page.click("#interrupt")
    await asyncio.sleep(1)
    after = await watch(page, 2)
    assert after.voice.max() < 0.01 and after.mouth.max() < 6.0
    await page.click("#play-sample")
    await page.wait_for_function("document.body.dataset.state === 'playing'")
    assert await sessions(still) == 1
    await page.close()
    await freed(still)


async def test_an_uploaded_picture_speaks(server: Server, open_page: OpenPage, tmp_path: Path) -> None:
    picture = tmp_path / "My friend.webp"
    PillowImage.open(DEFAULT_PICTURE).crop((100, 60, 700, 700)).save(picture)
    page = await open_page()
    await page.set_input_files("#face-file", picture)
    await page.wait_for_function("document.querySelectorAll('#avatars input, #avatars [role=radio]').length === 8")
    await page.click("#play-sample")
    await playing(page)
    size = await page.evaluate(
        "[document.querySelector('#video').videoWidth, document.querySelector('#video').videoHeight]"
    )
    assert size == [600, 640]
    seen = await watch(page, 5)
    assert np.percentile(seen.mouth[seen.speaking], 75) > 6
    await page.click("#stop")
    await freed(server)


async def test_a_mouth_is_put_right_and_stays_so(server: Server, open_page: OpenPage, tmp_path: Path) -> None:
    picture = tmp_path / "My aunt.webp"
    PillowImage.open(DEFAULT_PICTURE).crop((90, 50, 700, 700)).save(picture)
    page = await open_page()
    adjust = page.get_by_role("button", name="Adjust mouth")
    dialog = page.get_by_role("dialog", name="Adjust the mouth")
    assert await adjust.is_hidden(), "the bundled face is right as it is"
    await page.set_input_files("#face-file", picture)
    await adjust.click()
    chin, corner = (dialog.get_by_role("slider", name=name) for name in ("Chin", "Right corner"))
    await chin.wait_for()
    before = await places(dialog)

    await drag(page, chin, 12, 25)
    await corner.focus()
    for key in ("Shift+ArrowRight", "ArrowUp", "ArrowUp"):
        await page.keyboard.press(key)
    lips = dialog.get_by_role("slider", name="edge of the")
    await drag(page, lips.last, 0, -12)  # closed lips: upwards takes the upper one
    moved = await places(dialog)
    changed = {name: at - before[name] for name, at in moved.items() if at != before[name]}
    assert set(changed) == {"chin", "right_corner", "upper_lip_edge"}
    width = abs(before["right_corner"] - before["left_corner"])
    assert 0 < changed["chin"].real < changed["chin"].imag < 0.3 * width
    assert changed["right_corner"].real > 0.05 * width and -0.05 * width < changed["right_corner"].imag < 0
    assert changed["upper_lip_edge"].imag < 0
    await dialog.get_by_role("button", name="Save").click()
    await status(page, "The mouth is adjusted")

    await page.reload()
    await page.locator("#avatars label", has_text="My aunt").click()
    await adjust.click()
    await chin.wait_for()
    assert await places(dialog) == moved
    await drag(page, chin, 0, -200)
    await dialog.get_by_role("button", name="Save").click()
    await dialog.get_by_text("Drag the chin below").wait_for()
    await dialog.get_by_role("button", name="Reset").click()
    assert await places(dialog) == before
    await dialog.get_by_role("button", name="Save").click()
    await status(page, "again as it was found")
    await delete_face(page, "My aunt")
    assert await adjust.is_hidden()


async def test_a_save_that_ends_after_its_dialog_touches_no_other(
    server: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    for name, edge in (("My niece", 80), ("My nephew", 90)):
        PillowImage.open(DEFAULT_PICTURE).crop((edge, 40, 700, 700)).save(tmp_path / f"{name}.webp")
    page = await open_page()
    for name in ("My niece", "My nephew"):
        await page.set_input_files("#face-file", tmp_path / f"{name}.webp")
        await page.locator("#avatars label", has_text=name).wait_for()
    dialog = page.get_by_role("dialog", name="Adjust the mouth")
    held: list[Route] = []
    await page.route(
        "**/mouth", lambda route: held.append(route) if route.request.method == "PUT" else route.fallback()
    )

    async def save_and_leave(name: str) -> Route:
        await page.locator("#avatars label", has_text=name).click()
        await page.click("#adjust-mouth")
        chin = dialog.get_by_role("slider", name="Chin")
        await chin.focus()
        low, now, high = [float(await chin.get_attribute(f"aria-value{end}") or "nan") for end in ("min", "now", "max")]
        assert low == 0 < now < high
        await page.keyboard.press("Shift+ArrowDown")
        async with page.expect_request("**/mouth"):
            await dialog.get_by_role("button", name="Save").click()
        await page.keyboard.press("Escape")
        await dialog.wait_for(state="hidden")
        return held.pop()

    refused = await save_and_leave("My niece")
    await refused.fulfill(status=500, json={"code": "internal_error", "detail": "The disk is gone."})
    await status(page, "The disk is gone")
    late = await save_and_leave("My niece")
    await page.locator("#avatars label", has_text="My nephew").click()
    await page.click("#adjust-mouth")
    await dialog.wait_for()
    async with page.expect_response("**/mouth"):
        await late.fulfill(status=200, json={})
    await page.evaluate("() => new Promise((done) => setTimeout(done, 50))")
    assert await dialog.is_visible() and await dialog.get_by_role("button", name="Save").is_enabled()
    await dialog.get_by_role("button", name="Cancel").click()
    for name in ("My niece", "My nephew"):
        await delete_face(page, name)


async def test_a_face_that_speaks_goes_on_with_the_mouth_that_was_put_right(
    server: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    picture = tmp_path / "My uncle.webp"
    PillowImage.open(DEFAULT_PICTURE).crop((80, 40, 700, 700)).save(picture)
    page = await open_page()
    await page.set_input_files("#face-file", picture)
    await status(page, "The new face is ready")
    await page.click("#play-sample")
    await playing(page)
    await page.click("#adjust-mouth")
    await page.get_by_role("slider", name="Chin").focus()
    await page.keyboard.press("Shift+ArrowDown")
    async with page.expect_websocket():
        await page.get_by_role("button", name="Save").click()
    await page.wait_for_function("document.body.dataset.state === 'playing'")
    await playing(page)
    assert await sessions(server) == 1
    await page.click("#stop")
    await freed(server)
    await delete_face(page, "My uncle")


async def places(dialog: Locator) -> dict[str, complex]:
    """Where the dots lie on the picture: x + yi."""
    seen: dict[str, str] = await dialog.locator(".dot").evaluate_all(
        "dots => Object.fromEntries(dots.map((dot) => [dot.dataset.name, dot.getAttribute('aria-valuetext')]))"
    )
    numbers = {name: re.findall(r"-?\d+", text) for name, text in seen.items()}
    assert len(numbers) == 7
    return {name: complex(int(x), int(y)) for name, (x, y) in numbers.items()}


async def drag(page: Page, dot: Locator, right: float, down: float) -> None:
    """Drag a dot by pixels of the screen."""
    box = await dot.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + right, y + down, steps=5)
    await page.mouse.up()


async def test_an_uploaded_video_is_marked_as_one(open_page: OpenPage, tmp_path: Path) -> None:
    page = await open_page()
    await page.set_input_files("#face-file", film(tmp_path / "My film.mp4", gently, at(25, 0.6)))
    face = page.locator("#avatars label", has_text="My film")
    await face.get_by_text("Video", exact=True).wait_for()
    assert await face.get_by_role("radio", name="My film Video").is_checked()
    await delete_face(page, "My film")


async def test_a_face_is_deleted_only_where_that_is_confirmed(open_page: OpenPage, tmp_path: Path) -> None:
    picture = tmp_path / "My cousin.webp"
    PillowImage.open(DEFAULT_PICTURE).crop((70, 30, 700, 700)).save(picture)
    page = await open_page()
    await page.set_input_files("#face-file", picture)
    cross = page.get_by_role("button", name="Delete My cousin")
    dialog = page.get_by_role("dialog", name="Delete My cousin?")
    face = page.get_by_role("radio", name="My cousin")
    for leave in ("Escape", "Enter"):  # the button that has the focus keeps the face
        await cross.focus()
        await page.keyboard.press("Enter")
        await dialog.wait_for()
        assert await dialog.get_by_role("button", name="Cancel").evaluate("it => it === document.activeElement")
        await page.keyboard.press(leave)
        await dialog.wait_for(state="hidden")
        assert await face.is_checked()
        assert await cross.evaluate("it => it === document.activeElement")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await status(page, "Deleted My cousin")
    assert await face.count() == 0
    assert await page.evaluate("document.activeElement.value") == "default"


async def test_a_file_that_is_no_picture_is_explained(open_page: OpenPage, tmp_path: Path) -> None:
    bad = tmp_path / "face.png"
    bad.write_bytes(b"this is not a picture")
    page = await open_page()
    await page.set_input_files("#face-file", bad)
    await status(page, "PNG, JPEG or WebP")


async def test_ones_own_recording_plays(still: Server, open_page: OpenPage, microphone: Path) -> None:
    page = await open_page(url=still.url)
    await speaks_in_step(page, 5, lambda: page.set_input_files("#wav-file", microphone))
    await page.wait_for_function("document.body.dataset.state === 'live'", timeout=15_000)
    await page.click("#stop")
    await freed(still)


async def test_a_refused_microphone_is_explained_and_holds_no_place(server: Server, open_page: OpenPage) -> None:
    page = await open_page(microphone_allowed=False)
    await page.click("#start-mic")
    await status(page, "microphone")
    await page.wait_for_function("document.body.dataset.state === 'error'")
    await freed(server)


async def test_an_insecure_page_says_how_to_get_the_microphone(
    open_page: OpenPage, tmp_path: Path, serve: Serve
) -> None:
    with serve(tmp_path, allowed_hosts="face.test") as server:
        port = server.url.rsplit(":", 1)[1]
        page = await open_page("--host-resolver-rules=MAP face.test 127.0.0.1", url=f"http://face.test:{port}/")
        await page.click("#start-mic")
        await status(page, "--ssl-certfile")


async def test_https_is_served_with_a_certificate(open_page: OpenPage, tmp_path: Path, serve: Serve) -> None:
    make_certificate(tmp_path, "face.test")
    tls = {"ssl_certfile": str(tmp_path / "cert.pem"), "ssl_keyfile": str(tmp_path / "key.pem")}
    url = f"https://face.test:{free_port()}"
    own = {"port": url.rpartition(":")[2], "front_url": url, "stage_url": "https://face.test:{port}"}
    with serve(tmp_path, allowed_hosts="face.test", **tls, **own):
        page = await open_page("--host-resolver-rules=MAP face.test 127.0.0.1", url=url)
        await page.click("#start-mic")
        await playing(page)
        await page.click("#stop")
