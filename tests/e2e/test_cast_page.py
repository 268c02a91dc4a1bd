"""The page with the faces that come with Lipwire: seen, chosen and heard, and neither deleted nor put right."""

from __future__ import annotations

import pytest

from app.assets import CAST_IDS
from tests.page import OpenPage, freed, playing
from tests.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.realtime]
SHOWN = "(selector) => document.querySelector(selector)?.naturalWidth > 0"


async def test_one_of_the_cast_is_chosen_and_speaks(server: Server, open_page: OpenPage) -> None:
    page = await open_page()
    for id in CAST_IDS:
        await page.wait_for_function(SHOWN, arg=f'.avatar[data-id="{id}"] img')
        assert await page.locator(f'.avatar[data-id="{id}"] button').count() == 0, "it cannot be deleted"
    bundled = ", ".join(f'.avatar[data-id="{id}"] img' for id in ("default", *CAST_IDS))
    sizes = await page.eval_on_selector_all(bundled, "(images) => images.map((image) => image.naturalWidth)")
    assert sizes == [192] * (1 + len(CAST_IDS)), "small pictures alone"
    await page.locator("#avatars label", has_text="Bolt").click()
    await page.wait_for_function("() => document.querySelector('#poster').src.endsWith('/api/avatars/bolt/image')")
    assert await page.get_by_role("button", name="Adjust mouth").is_hidden()
    await page.click("#play-sample")
    await playing(page)
    assert await page.evaluate("document.querySelector('#video').videoWidth") == 1024
    await page.click("#stop")
    await freed(server)
