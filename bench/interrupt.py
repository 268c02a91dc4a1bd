"""``bench interrupt``: from the message to silence in a real Chromium, minutes of sound sent ahead."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from playwright.async_api import async_playwright

from bench.report import report
from bench.server import server
from bench.sync import CHROMIUM_FLAGS, browser_path

# Plays a steady tone, interrupts it at a random moment, and watches for the last loud sample and white picture.
SCENE = """
async (buffered) => {
  const { Session } = await import('/web/js/session/session.js');
  const video = document.querySelector('#video');
  const patch = new OffscreenCanvas(8, 8).getContext('2d', { willReadFrequently: true });
  const audio = new AudioContext();
  await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([`
    registerProcessor('loudness', class extends AudioWorkletProcessor {
      process([[samples]]) {
        if (samples) this.port.postMessage([currentTime, samples.reduce((most, s) => Math.max(most, Math.abs(s)), 0)]);
        return true;
      }
    });`], { type: 'text/javascript' })));
  const ear = new AudioWorkletNode(audio, 'loudness', { numberOfOutputs: 0 });
  const heard = { first: null, last: null }, seen = { last: null };
  ear.port.onmessage = ({ data: [time, level] }) => {
    if (level < 0.05) return;
    const { contextTime, performanceTime } = audio.getOutputTimestamp();
    heard.last = performanceTime + (time - contextTime) * 1000;
    heard.first ??= heard.last;
  };
  const look = () => {
    patch.drawImage(video, 0, 0, 8, 8);
    if (patch.getImageData(4, 4, 1, 1).data[0] > 128) seen.last = performance.now();
    video.requestVideoFrameCallback(look);
  };
  const session = new Session();
  session.addEventListener('stream', ({ detail }) => {
    video.srcObject = detail;
    video.play();
    audio.createMediaStreamSource(detail).connect(ear);
    video.requestVideoFrameCallback(look);
  });
  const abort = new AbortController();
  await session.start({ engine: 'clapper', mode: 'agent', sample_rate: 48000, avatar: 'default' }, abort.signal);
  const second = new Int16Array(48000).map((_, i) => 20000 * Math.sin(i * 2 * Math.PI * 440 / 48000));
  let before = null;
  while ((before = await session.inboundAudio()) === null) await new Promise((resolve) => setTimeout(resolve, 50));
  for (let sent = 0; sent < buffered; sent++) session.sendAudio(second);
  while (heard.first === null) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 1500 + Math.random() * 500));
  const sentMs = performance.now();
  const answer = await session.interrupt();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  // What the browser added to the sound or took from it, while its jitter buffer settled, is not the input's.
  const inbound = await session.inboundAudio();
  const ofBrowser = ['concealedSamples', 'insertedSamplesForDeceleration', 'removedSamplesForAcceleration']
    .map((name) => (inbound[name] - before[name]) / 48);
  const addedMs = ofBrowser[0] + ofBrowser[1] - ofBrowser[2];
  const heardMs = heard.last - heard.first;
  const result = {
    silent_ms: heard.last - sentMs, rest_ms: seen.last - sentMs, added_by_browser_ms: addedMs,
    played_error_ms: answer.played_ms - (heardMs - addedMs),
  };
  abort.abort();
  await audio.close();
  return result;
}
"""


def main(arguments: list[str] | None = None) -> int:
    """Interrupt many sessions, one after another."""
    parser = argparse.ArgumentParser(prog="bench interrupt")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--buffered", type=int, default=120, help="seconds of sound sent ahead")
    args = parser.parse_args(arguments)
    with server() as served:
        found = asyncio.run(interrupt(served.url, args.times, args.buffered))
    rows = [{"figure": name, **spread([result[name] for result in found])} for name in found[0]]
    report("interrupt", rows)
    return 0


async def interrupt(url: str, times: int, buffered_s: int) -> list[dict[str, Any]]:
    """Return each interrupt's figures, in ms."""
    found = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=list(CHROMIUM_FLAGS))
        for _ in range(times):
            page = await browser.new_page()
            await page.goto(f"{url}/sync")
            found.append(await page.evaluate(SCENE, buffered_s))
            await page.close()
        await browser.close()
    return found


def spread(values: list[float]) -> dict[str, float]:
    """Return the lowest, the median, the 95th percentile and the highest."""
    ordered = sorted(values)
    picks = {"min": 0.0, "p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 1) for name, q in picks.items()}
