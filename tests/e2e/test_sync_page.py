"""Sync in a real Chromium, short; ``bench sync`` is the long version, with the real bars."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import async_playwright

from bench.sync import CHROMIUM_FLAGS, measure
from tests.bench.test_sync_verdict import LOUD, with_fault
from tests.noise import believed
from tests.server import Server
from tests.sync_verdict import faults_of

pytestmark = pytest.mark.browser

# the long one is for drift; the other is muted, which must change nothing
LENGTHS = [("clip", 75, False), ("live", 15, True)]
MUTED = "addEventListener('DOMContentLoaded', () => { document.querySelector('#video').muted = true; });"

# Each scene lets the browser do what it is asked for at once, a hundred times.
STEERING = """
async () => {
  const { nextWaits } = await import('/web/js/session/waits.js');
  const settle = (asked, real, steps = 100) => {
    for (let i = 0; i < steps; i++) {
      const picturesMs = Math.max(asked.picturesMs, real.picturesMs);
      const voiceMs = Math.max(asked.voiceMs, real.voiceMs);
      asked = nextWaits(asked, { picturesMs, voiceMs }, 30, 20);
    }
    return asked;
  };
  const start = { picturesMs: 0, voiceMs: 20 };
  const lateVoice = settle(start, { picturesMs: 8, voiceMs: 100 });
  return {
    quiet: settle(start, { picturesMs: 8, voiceMs: 40 }),
    lateVoice,
    recovered: settle(lateVoice, { picturesMs: 8, voiceMs: 30 }),
    latePictures: nextWaits(start, { picturesMs: 180, voiceMs: 150 }, 30, 20),
    leaked: settle(nextWaits(start, { picturesMs: 180, voiceMs: 150 }, 30, 20), { picturesMs: 8, voiceMs: 30 }, 20),
  };
}
"""


@pytest.mark.parametrize(("mode", "seconds", "muted"), LENGTHS)
async def test_flash_and_beep_meet_on_the_self_test_page(
    chromium: str, server: Server, mode: str, seconds: int, muted: bool
) -> None:
    drift = mode == "clip"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))

        async def once() -> dict[str, Any]:
            page = await browser.new_page()
            if muted:
                await page.add_init_script(MUTED)
            result = await measure(page, server.url, mode=mode, seconds=seconds)
            assert "lips and voice are" in await page.inner_text("#status")
            assert await page.locator("#chart circle").count() == len(result["pairs_all"]) > 0
            assert await page.evaluate("document.querySelector('#video').muted") is muted
            await page.close()
            return result

        result = await believed(once, lambda result, noise: faults_of(result, noise, drift))
        await browser.close()
    assert "offset" in faults_of(with_fault(result, offset_ms=80), LOUD, drift)
    assert "offset" in faults_of(with_fault(result, offset_ms=-80), LOUD, drift)
    if drift:
        assert "drift ahead" in faults_of(with_fault(result, drift_ms_per_min=60), LOUD, drift)


async def test_waits_are_steered_until_voice_and_pictures_wait_alike(chromium: str, server: Server) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        page = await browser.new_page()
        await page.goto(f"{server.url}/sync")
        found = await page.evaluate(STEERING)
        await browser.close()
    assert found["quiet"] == {"picturesMs": 0, "voiceMs": 20}, "a quiet network is left alone"
    assert abs(found["lateVoice"]["picturesMs"] - 70) < 10, "pictures wait for a voice that waits 100 ms"
    assert found["lateVoice"]["voiceMs"] == 20
    assert found["recovered"] == {"picturesMs": 0, "voiceMs": 20}, "nothing is kept once the network has healed"
    assert found["latePictures"]["voiceMs"] > 150, "a voice is held back for pictures that wait 180 ms"
    assert found["leaked"]["voiceMs"] < found["latePictures"]["voiceMs"], "but not for good"
