"""Whether the face is heard, in a real Chromium: by its figures of what it plays."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.page import OpenPage, freed, playing, status
from tests.server import Server

pytestmark = pytest.mark.browser

LISTENED_S = {"live": 3.5, "clip": 1.5}  # the microphone's pauses are 3 s
SILENT, AUDIBLE = 2e-5, 1e-3  # energy in that time: of speech it is some hundredths
NO_STORAGE = """
Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } });
"""
START = {"live": "#start-mic", "clip": "#play-sample"}


async def start(page: Page, mode: str) -> None:
    await page.click(START[mode])
    await playing(page)


async def is_heard(page: Page) -> bool:
    """Whether the face sounds, once button, element and loudspeaker agree; its voice is received either way."""
    seconds = LISTENED_S[await page.evaluate("document.body.dataset.mode")]
    played = await page.evaluate("seconds => window.lipwirePlayed(seconds)", seconds)
    assert played["samples"] > 0.8 * seconds * 48_000
    heard = bool(played["energy"] > AUDIBLE)
    assert heard or played["energy"] < SILENT
    button = page.get_by_role("button", name="Hear the face")
    assert await button.get_attribute("aria-pressed") == str(heard).lower()
    assert await button.inner_text() == ("Mute the face" if heard else "Hear the face")
    assert await page.evaluate("document.querySelector('#video').muted") is not heard
    return heard


async def test_a_microphones_face_is_silent_until_it_is_asked_for(server: Server, open_page: OpenPage) -> None:
    page = await open_page()
    button = page.get_by_role("button", name="Hear the face")
    assert await button.is_hidden()
    await start(page, "live")
    assert not await is_heard(page)
    for figure in ("#fig-offset", "#fig-delay", "#fig-jitter"):  # they are measured all the same
        await page.wait_for_function(f"/\\d+ ms$/.test(document.querySelector('{figure}').textContent)")
    await button.focus()
    await page.keyboard.press("Enter")
    await status(page, "headphones")
    assert await is_heard(page)
    await page.click("#stop")
    assert await button.is_hidden()
    await freed(server)


async def test_each_mode_remembers_its_own_choice(server: Server, open_page: OpenPage) -> None:
    page = await open_page()
    await start(page, "clip")
    assert await is_heard(page)
    await page.click("#hear")
    assert not await is_heard(page)
    await start(page, "live")
    await page.click("#hear")
    await page.reload()
    for mode, heard in (("live", True), ("clip", False)):
        await start(page, mode)
        assert await is_heard(page) is heard, mode
    await page.click("#stop")
    await freed(server)


async def test_a_browser_that_keeps_nothing_still_mutes_and_unmutes(server: Server, open_page: OpenPage) -> None:
    page = await open_page()
    await page.add_init_script(NO_STORAGE)
    await page.reload()
    await start(page, "live")
    await page.click("#hear")
    assert await is_heard(page)
    await start(page, "clip")
    assert await is_heard(page)
    await page.click("#stop")
    await freed(server)


async def test_the_button_lies_on_the_picture_and_fits_a_finger(server: Server, open_page: OpenPage) -> None:
    page = await open_page()
    await start(page, "clip")
    for width in (1280, 390, 320):
        await page.set_viewport_size({"width": width, "height": 800})
        button, stage = [await page.locator(part).bounding_box() for part in ("#hear", "#stage")]
        assert button is not None and stage is not None
        assert button["height"] >= 44 and button["width"] < 0.65 * stage["width"]
        assert stage["x"] < button["x"] and button["x"] + button["width"] < stage["x"] + stage["width"]
        assert stage["y"] < button["y"] and button["y"] + button["height"] < stage["y"] + stage["height"]
    await page.click("#stop")
    await freed(server)
