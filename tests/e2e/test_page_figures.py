"""The strip of figures in a real Chromium."""

from __future__ import annotations

import pytest

from tests.page import OpenPage, freed, playing
from tests.server import Server

pytestmark = pytest.mark.browser


async def test_gaps_and_late_pictures_are_counted_and_every_figure_is_explained(
    server: Server, open_page: OpenPage
) -> None:
    page = await open_page()
    strip, about = page.locator("#figures"), page.locator(".figures-help")
    explained = about.locator("dl")
    assert await explained.is_hidden()
    await about.get_by_text("What these figures mean").focus()
    await page.keyboard.press("Enter")
    await explained.wait_for()
    names = await strip.locator("dt").all_inner_texts()
    assert "Voice gaps" in names and "Late pictures" in names
    assert set(names) < set(await explained.locator("dt").all_inner_texts())
    await page.click("#play-sample")
    await playing(page)
    for figure in ("gaps", "late"):
        await page.wait_for_function(f"/^\\d+$/.test(document.querySelector('#fig-{figure}').textContent)")
    await page.click("#stop")
    assert set(await strip.locator("dd").all_inner_texts()) == {"–"}
    await freed(server)
