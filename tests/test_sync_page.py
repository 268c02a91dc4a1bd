"""Sync in a real Chromium, short; ``bench sync`` is the long version, with the real bars."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from bench.sync import CHROMIUM_FLAGS, measure
from tests.server import Server

pytestmark = pytest.mark.browser

SECONDS = 15


@pytest.mark.parametrize("mode", ["clip", "live"])
async def test_flash_and_beep_meet_on_the_self_test_page(
    chromium: str, server: Server, mode: str, tmp_path: Path
) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        page = await browser.new_page()
        result = await measure(page, server.url, mode=mode, seconds=SECONDS)
        sentence = await page.inner_text("#status")
        assert await page.locator("#chart circle").count() >= 8
        await browser.close()
    assert result["pairs"] >= 6
    assert abs(result["offset_ms"]["median"]) <= 35, result
    assert result["sound"]["packets_discarded"] == 0
    assert result["sound"]["concealed_percent"] < 2
    assert "lips and voice are" in sentence
    if mode == "live":
        assert result["delay_ms"]["p50"] < 350
