"""``bench interrupt``: from an agent's interrupt to silence in a real Chromium, minutes of sound sent ahead.

The agent feeds from this process through the Python client; Chromium watches over WHEP. Both read one machine's clock.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from typing import Any

import lipwire
import numpy as np
from playwright.async_api import Page, async_playwright

from bench.report import report
from bench.server import server
from bench.sync import CHROMIUM_FLAGS, browser_path

RATE = 24_000
BEFORE_S, AROUND_S = 1.5, 0.5  # from the first sound to the interrupt: at any moment of a slot
AFTER_S = 1.0

# Watches, and notes the first and last loud sample and the last white picture, in ms of the machine's clock.
SCENE = """
async ([url, token]) => {
  const video = document.createElement('video');
  Object.assign(video, { autoplay: true, muted: true, playsInline: true });
  document.body.replaceChildren(video);
  const peer = new RTCPeerConnection(), stream = new MediaStream();
  peer.ontrack = ({ track }) => stream.addTrack(track);
  for (const kind of ['audio', 'video']) peer.addTransceiver(kind, { direction: 'recvonly' });
  await peer.setLocalDescription();
  await new Promise((resolve) => {
    peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve();
  });
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/sdp' };
  const answer = await fetch(url, { method: 'POST', headers, body: peer.localDescription.sdp });
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  video.srcObject = stream;
  const audio = new AudioContext();
  await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([`
    registerProcessor('loudness', class extends AudioWorkletProcessor {
      process([[samples]]) {
        if (samples) this.port.postMessage([currentTime, samples.reduce((most, s) => Math.max(most, Math.abs(s)), 0)]);
        return true;
      }
    });`], { type: 'text/javascript' })));
  const ear = new AudioWorkletNode(audio, 'loudness', { numberOfOutputs: 0 });
  window.noted = { first: null, last: null, seen: null };
  ear.port.onmessage = ({ data: [time, level] }) => {
    if (level < 0.05) return;
    const { contextTime, performanceTime } = audio.getOutputTimestamp();
    noted.last = performance.timeOrigin + performanceTime + (time - contextTime) * 1000;
    noted.first ??= noted.last;
  };
  audio.createMediaStreamSource(stream).connect(ear);
  const patch = new OffscreenCanvas(8, 8).getContext('2d', { willReadFrequently: true });
  const look = () => {
    patch.drawImage(video, 0, 0, 8, 8);
    if (patch.getImageData(4, 4, 1, 1).data[0] > 128) noted.seen = performance.timeOrigin + performance.now();
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  window.addedMs = async () => {
    const reports = [...(await peer.getStats()).values()];
    const inbound = reports.find((each) => each.type === 'inbound-rtp' && each.kind === 'audio');
    const { concealedSamples: filled, insertedSamplesForDeceleration: slower, removedSamplesForAcceleration: faster } =
      inbound;
    return (filled + slower - faster) / 48;
  };
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
}
"""


def main(arguments: list[str] | None = None) -> int:
    """Interrupt many sessions, one after another."""
    parser = argparse.ArgumentParser(prog="bench interrupt")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--buffered", type=int, default=120, help="seconds of sound sent ahead")
    args = parser.parse_args(arguments)
    with server(engine="clapper") as served:
        found = asyncio.run(interrupt(served.url, args.times, args.buffered))
    rows = [{"figure": name, **spread([result[name] for result in found])} for name in found[0]]
    report("interrupt", rows)
    return 0


async def interrupt(url: str, times: int, buffered_s: int) -> list[dict[str, float]]:
    """Return each interrupt's figures, in ms."""
    second = (0.6 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 32767).astype("<i2").tobytes()
    found = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=list(CHROMIUM_FLAGS))
        for _ in range(times):
            page = await browser.new_page(bypass_csp=True)
            await page.goto(f"{url}/sync")
            async with lipwire.connect(url, engine="clapper") as face:
                found.append(await _once(page, face, second * buffered_s))
            await page.close()
        await browser.close()
    return found


async def _once(page: Page, face: lipwire.Face, sound: bytes) -> dict[str, float]:
    await page.evaluate(SCENE, [face.whep_url, face.view_token])
    async with face.utterance(sample_rate=RATE) as utterance:
        await utterance.send(sound)
    await page.wait_for_function("window.noted.first")
    before_ms: float = await page.evaluate("addedMs()")
    await asyncio.sleep(BEFORE_S + AROUND_S * random.random())
    sent_ms = time.time() * 1000
    cut = await face.interrupt()
    answered_ms = time.time() * 1000
    await asyncio.sleep(AFTER_S)
    noted: dict[str, Any] = await page.evaluate("noted")
    # what the browser added to the sound or took from it, while its jitter buffer settled, is not the input's
    added_ms: float = await page.evaluate("addedMs()") - before_ms
    return {
        "silent_ms": noted["last"] - sent_ms,
        "rest_ms": noted["seen"] - sent_ms,
        "answer_ms": answered_ms - sent_ms,
        "added_by_browser_ms": added_ms,
        "played_error_ms": cut.played_ms - (noted["last"] - noted["first"] - added_ms),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Return the lowest, the median, the 95th percentile and the highest."""
    ordered = sorted(values)
    picks = {"min": 0.0, "p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: round(ordered[round(q * (len(ordered) - 1))], 1) for name, q in picks.items()}
