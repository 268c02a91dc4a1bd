"""The page in a browser, as the tests that drive it see it."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Page

from tests.server import Server

WATCH_JS = (Path(__file__).parent / "watch.js").read_text()

OpenPage = Callable[..., Awaitable[Page]]


async def playing(page: Page) -> None:
    await page.wait_for_function("document.querySelector('#video').currentTime > 0.2", timeout=20_000)


async def sessions(server: Server) -> int:
    def ask() -> int:
        with urllib.request.urlopen(server.url + "/healthz") as answer:
            return int(json.load(answer)["sessions"])

    return await asyncio.to_thread(ask)


async def freed(server: Server) -> None:
    async with asyncio.timeout(5):
        while await sessions(server):
            await asyncio.sleep(0.1)


async def delete_face(page: Page, name: str) -> None:
    await page.get_by_role("button", name=f"Delete {name}").click()
    await page.get_by_role("dialog", name=f"Delete {name}?").get_by_role("button", name="Delete").click()
    await status(page, f"Deleted {name}")


async def status(page: Page, text: str, timeout_ms: int = 15_000) -> None:
    await page.wait_for_function(
        "text => document.querySelector('#status').textContent.includes(text)", arg=text, timeout=timeout_ms
    )
