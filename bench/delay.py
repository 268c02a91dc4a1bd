"""``bench delay``: where each millisecond goes between a sound's capture and its playout in a real Chromium."""

from __future__ import annotations

import argparse
import asyncio
import re
import time
import urllib.request
from typing import Any

import numpy as np
from aiortc.codecs.opus import OpusEncoder
from av import AudioFrame
from playwright.async_api import async_playwright

from app.ingest.resampler import resampler_for_model
from app.media import AUDIO_TIME_BASE, MODEL_RATE, SAMPLE_RATE, SAMPLES_PER_PACKET, SLOT_MS
from bench.report import report
from bench.server import server
from bench.sync import CHROMIUM_FLAGS, browser_path, measure

CHUNK_MS = 20  # what the self-test's microphone sends at a time
STAGES = ("look_ahead", "queue", "inference", "buffer_a")
STAGE_LINE = re.compile(r'lipwire_stage_seconds_(sum|count)\{stage="(\w+)"\} (\S+)')


def main(arguments: list[str] | None = None) -> int:
    """Measure each engine in ``live`` mode, the beeps alone."""
    parser = argparse.ArgumentParser(prog="bench delay")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--engines", nargs="+", default=["clapper", "portrait"])
    args = parser.parse_args(arguments)
    ledgers = [asyncio.run(ledger(engine, args.seconds)) for engine in args.engines]
    stages = [stage for stage in ledgers[0] if stage != "engine"]
    report("delay", [{"stage": stage, **{each["engine"]: each[stage] for each in ledgers}} for stage in stages])
    return 0


async def ledger(engine: str, seconds: float) -> dict[str, Any]:
    """Return one engine's ledger: mean ms a stage, in the order of the way; the rest is what nobody accounts for."""
    with server() as served:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=browser_path(), args=list(CHROMIUM_FLAGS))
            page = await browser.new_page()
            result = await measure(page, served.url, mode="live", engine=engine, seconds=seconds)
            await browser.close()
        stages = stage_means(
            await asyncio.to_thread(lambda: urllib.request.urlopen(f"{served.url}/metrics").read().decode())
        )
    resampler_ms = resampler_delay_ms()
    # a slice's first sample waits for its last, which comes out of the resampler late and in a whole chunk
    whole = -(-(SLOT_MS + resampler_ms) // CHUNK_MS) * CHUNK_MS
    spent = {
        "capture: a chunk of the microphone": CHUNK_MS,
        "resample": resampler_ms,
        "slice: until 40 ms are complete": whole - CHUNK_MS - resampler_ms,
        **{stage: stages[stage] for stage in STAGES},
        "encode (Opus)": opus_ms(),
        "jitter buffer": result["sound"]["jitter_buffer_ms"],
    }
    p50, p95 = result["delay_ms"]["p50"], result["delay_ms"]["p95"]
    rest = p50 - sum(spent.values())
    rows = {**spent, "the rest: socket, network, sound card": rest, "all (p50)": p50, "all (p95)": p95}
    return {"engine": engine, **{name: round(ms, 1) for name, ms in rows.items()}}


def stage_means(metrics: str) -> dict[str, float]:
    """Read the mean of each stage from ``/metrics``, in ms."""
    found = {(kind, stage): float(value) for kind, stage, value in STAGE_LINE.findall(metrics)}
    return {stage: 1000 * found["sum", stage] / found["count", stage] for stage in STAGES}


def resampler_delay_ms() -> float:
    """Return how long resampling keeps a sample, in ms: what is left of a second of sound."""
    second = np.zeros(SAMPLE_RATE, np.float32)
    resampler = resampler_for_model(SAMPLE_RATE, MODEL_RATE)  # at 48 kHz playout needs none
    return 1000 * (1 - len(resampler.push(second)) / MODEL_RATE)


def opus_ms() -> float:
    """Return what encoding a packet costs, in ms."""
    encoder = OpusEncoder()
    noise = np.random.default_rng(1).integers(-9000, 9000, (1, SAMPLES_PER_PACKET), dtype=np.int16)
    count = 50
    begun = time.perf_counter()
    for number in range(count):
        frame = AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, AUDIO_TIME_BASE, number * SAMPLES_PER_PACKET
        encoder.encode(frame)
    return 1000 * (time.perf_counter() - begun) / count
