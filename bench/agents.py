"""``bench agents``: an agent's process feeds a face through the Python client; players that others wrote watch it.

Each viewer's lips against its voice, holes in what it hears, and the server's memory, for as long as one likes.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import lipwire
import numpy as np
from playwright.async_api import Browser, Page, async_playwright

from app.assets import CHECKOUT
from bench.processor import memory_mb
from bench.report import report
from bench.server import server
from bench.sync import CHROMIUM_FLAGS, browser_path

RATE = 24_000
UTTERANCE_S = 10
BEEP_S, BEEP, HUM = 0.12, 0.5, 0.02  # the hum between the beeps shows holes, and is no beep
PLAYERS = ("medooze", "eyevinn")
SETTLED_S = 10  # after the first picture; holes and memory count from here on
SAMPLE_S = 5
ENTRY = CHECKOUT / "bench" / "whep_players.js"

VIDEO = """
() => {
  const video = document.createElement('video');
  Object.assign(video, { autoplay: true, muted: true, playsInline: true });
  document.body.replaceChildren(video);
}
"""
# Watches with one of the players, and notes flashes, beeps, and every 10 ms without the hum.
SCENE = """
async ([player, url, token]) => {
  const { SyncMeter } = await import('/web/js/sync/meter.js');
  const { SyncRecord } = await import('/web/js/sync/record.js');
  const video = document.querySelector('video');
  await window.players[player](url, token);
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  const record = new SyncRecord(), meter = new SyncMeter(video);
  record.noteFirstFrame(performance.now());
  meter.addEventListener('flash', ({ detail }) => record.noteFlash(detail));
  meter.addEventListener('beep', ({ detail }) => record.noteBeep(detail, null));
  await meter.start(video.srcObject);
  const audio = new AudioContext();
  await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([`
    registerProcessor('holes', class extends AudioWorkletProcessor {
      #quiet = 0; #heard = false;
      process([[samples]]) {
        for (const sample of samples ?? []) {
          if (Math.abs(sample) < 0.002) { this.#quiet += 1; continue; }
          if (this.#heard && this.#quiet > sampleRate / 100) {
            this.port.postMessage({ atS: currentTime, ms: 1000 * this.#quiet / sampleRate });
          }
          this.#quiet = 0; this.#heard = true;
        }
        return true;
      }
    });`], { type: 'text/javascript' })));
  const ear = new AudioWorkletNode(audio, 'holes', { numberOfOutputs: 0 });
  window.holes = [];
  ear.port.onmessage = ({ data }) => window.holes.push(data);
  audio.createMediaStreamSource(video.srcObject).connect(ear);
  window.record = record;
  setInterval(async () => {
    const reports = [...(await window.peers.at(-1).getStats()).values()];
    const inbound = reports.find((each) => each.type === 'inbound-rtp' && each.kind === 'audio');
    if (inbound) record.noteCounters(inbound, performance.now());
  }, 1000);
}
"""


def main(arguments: list[str] | None = None) -> int:
    """Feed and watch for a while."""
    parser = argparse.ArgumentParser(prog="bench agents")
    parser.add_argument("--minutes", type=float, default=10)
    args = parser.parse_args(arguments)
    with server(engine="clapper") as served:
        rows, info = asyncio.run(watch(served.url, served.pid, args.minutes * 60))
    report("agents", rows, **info)
    return 0


async def watch(url: str, pid: int, seconds: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row for each viewer, and what the feeder and the server tell."""
    bundle = await asyncio.to_thread(_bundled)
    async with lipwire.connect(url, engine="clapper") as face, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=list(CHROMIUM_FLAGS))
        feeding = asyncio.create_task(_feed(face))
        try:
            assert face.view_token is not None
            pages = [await _open(browser, url, bundle, name, face.whep_url, face.view_token) for name in PLAYERS]
            await asyncio.sleep(SETTLED_S)
            for page in pages:
                await page.evaluate("window.holes.length = 0")
            memory = []
            for _ in range(int(seconds / SAMPLE_S)):
                await asyncio.sleep(SAMPLE_S)
                memory.append(memory_mb(pid))
                if feeding.done():
                    feeding.result()
            rows = [await _row(page, name) for page, name in zip(pages, PLAYERS, strict=True)]
        finally:
            feeding.cancel()
            spoken = (await asyncio.gather(feeding, return_exceptions=True))[0]
            await browser.close()
    quarter = max(1, len(memory) // 4)
    grown = statistics.median(memory[-quarter:]) - statistics.median(memory[:quarter])
    assert not isinstance(spoken, Exception), spoken
    return rows, {"seconds": seconds, "memory_mb": round(memory[-1], 1), "memory_grown_mb": round(grown, 1)}


async def _feed(face: lipwire.Face) -> None:
    """Say ten seconds, the next ten as soon as they begin to be heard, without end."""
    sound = pattern()
    waiting: list[lipwire.Utterance] = []
    while True:
        async with face.utterance(sample_rate=RATE) as utterance:
            await utterance.send(sound)
        waiting.append(utterance)
        if len(waiting) > 1:  # one is always ahead
            played = await waiting.pop(0).played()
            if played != (UTTERANCE_S * 1000, False):
                raise RuntimeError(f"an utterance was told as {played}")


def pattern() -> bytes:
    """Return an utterance: a beep each second, a hum between."""
    second = np.arange(RATE) / RATE
    hum = HUM * np.sin(2 * np.pi * 300 * second)
    beep = BEEP * np.sin(2 * np.pi * 1000 * second) * (second < BEEP_S)
    return (np.tile(hum + beep, UTTERANCE_S) * 32767).astype("<i2").tobytes()


async def _open(browser: Browser, url: str, bundle: str, player: str, whep: str, token: str) -> Page:
    page = await browser.new_page(bypass_csp=True)
    await page.goto(f"{url}/sync")
    await page.evaluate(VIDEO)
    await page.add_script_tag(content=bundle, type="module")
    await page.wait_for_function("window.players")
    await page.evaluate(SCENE, [player, whep, token])
    return page


async def _row(page: Page, player: str) -> dict[str, Any]:
    summary: dict[str, Any] = await page.evaluate("window.record.summary()")
    offsets: list[float] = await page.evaluate(
        "window.record.pairs.filter(({ atS }) => atS > 3).map(({ offsetMs }) => offsetMs)"
    )
    holes: list[dict[str, float]] = await page.evaluate("window.holes")
    sound = summary["sound"] or {}
    return {
        "player": player,
        "pairs": summary["pairs"],
        "median_ms": summary["offset_ms"]["median"],
        "abs_p95_ms": summary["offset_ms"]["abs_p95"],
        "abs_max_ms": max(map(abs, offsets), default=None),
        "slope_ms_per_min": summary["slope_ms_per_min"],
        "holes": len(holes),
        "hole_ms": round(sum(hole["ms"] for hole in holes)),
        "concealed_percent": sound.get("concealed_percent"),
        "packets_lost": sound.get("packets_lost"),
    }


def _bundled() -> str:
    """Put the players into one script.

    Raises:
        RuntimeError: where they are not installed.
    """
    esbuild = CHECKOUT / "node_modules" / "esbuild" / "bin" / "esbuild"
    if not esbuild.is_file():
        raise RuntimeError("the players are not installed: npm ci")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "players.js"
        command = [str(esbuild), str(ENTRY), "--bundle", "--format=esm", f"--outfile={made}"]
        subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
        return made.read_text()
