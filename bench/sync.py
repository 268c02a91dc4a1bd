"""``bench sync``: lips against voice in a real Chromium, by the self-test page against the real server."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
from typing import Any

from playwright.async_api import async_playwright

from bench.report import report
from bench.server import server

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
)
PATIENCE_S = 30  # beyond the test's own time


def main(arguments: list[str] | None = None) -> int:
    """Measure each mode for a while; the bars begin 3 s after the first frame."""
    parser = argparse.ArgumentParser(prog="bench sync")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--modes", nargs="+", default=["clip", "live"], choices=["clip", "live"])
    parser.add_argument("--ppm", type=int, default=0, help="how fast the pretended microphone's clock runs")
    parser.add_argument("--lead", type=int, default=2, help="20 ms packets by which the voice leaves early")
    parser.add_argument("--loads", type=int, default=1, help="how often each mode is loaded afresh")
    args = parser.parse_args(arguments)
    with server(voice_lead_packets=str(args.lead)) as served:
        rows = asyncio.run(measure_all(served.url, args.modes, args.seconds, args.loads, args.ppm))
    report("sync", rows)
    return 0


def browser_path() -> str:
    """Return the browser to drive."""
    path = os.environ.get("LIPWIRE_CHROMIUM") or shutil.which("chromium")
    if path is None:
        raise RuntimeError("no Chromium was found; install it or set LIPWIRE_CHROMIUM")
    return path


async def measure_all(url: str, modes: list[str], seconds: float, loads: int, ppm: int = 0) -> list[dict[str, Any]]:
    """Run the page once a mode and load; returns a row each."""
    rows = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=list(CHROMIUM_FLAGS))
        for mode in modes:
            for _ in range(loads):
                page = await browser.new_page()
                result = await measure(page, url, mode=mode, seconds=seconds, ppm=ppm)
                await page.close()
                rows.append(row_of(result))
        await browser.close()
    return rows


async def measure(page: Any, url: str, **query: object) -> dict[str, Any]:
    """Open the self-test page and return its result."""
    words = "&".join(f"{name}={value}" for name, value in query.items())
    await page.goto(f"{url}/sync?auto&{words}")
    # no function is waited for: the page's policy forbids it to evaluate text
    done = page.locator("body:is([data-state=good], [data-state=bad], [data-state=error])")
    await done.wait_for(timeout=(float(str(query["seconds"])) + PATIENCE_S) * 1000)
    text = await page.inner_text("#result")
    if not text:
        raise RuntimeError(await page.inner_text("#status"))
    result: dict[str, Any] = json.loads(text)
    return result


def row_of(result: dict[str, Any]) -> dict[str, Any]:
    """Flatten a result into a table's row."""
    sound = result["sound"] or {}
    return {
        "mode": result["mode"],
        "pairs": result["pairs"],
        "median_ms": result["offset_ms"]["median"],
        "p5_ms": result["offset_ms"]["p5"],
        "p95_ms": result["offset_ms"]["p95"],
        "abs_p95_ms": result["offset_ms"]["abs_p95"],
        "slope_ms_per_min": result["slope_ms_per_min"],
        "delay_p50_ms": result["delay_ms"]["p50"],
        "delay_p95_ms": result["delay_ms"]["p95"],
        "delay_drift_ms": result["delay_drift_ms"],
        "concealed_percent": sound.get("concealed_percent"),
        "stretched_percent": sound.get("stretched_percent"),
    }
