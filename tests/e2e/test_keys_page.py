"""The page of a server that wants keys: faces' pictures come with the key, which is in no address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.access.key import make_text
from app.assets import DEFAULT_PICTURE
from app.avatars.bundled import BUNDLED_IDS
from tests.page import OpenPage
from tests.server import Serve, Server

pytestmark = [pytest.mark.browser, pytest.mark.realtime]
KEY = make_text()
SHOWN = "(selector) => document.querySelector(selector)?.naturalWidth > 0"
KEEP = f"sessionStorage.setItem('lipwire.key', '{KEY}')"


@pytest.fixture
def locked(tmp_path: Path, serve: Serve) -> Iterator[Server]:
    with serve(tmp_path, api_keys=KEY, engine="clapper") as server:
        yield server


async def test_ones_own_faces_are_seen_with_the_key_and_not_without(open_page: OpenPage, locked: Server) -> None:
    picture = {"image": ("Ann.png", DEFAULT_PICTURE.read_bytes(), "image/png")}
    async with httpx.AsyncClient(base_url=locked.url, headers={"Authorization": f"Bearer {KEY}"}) as client:
        added = await client.post("/api/avatars", files=picture)
    id = added.raise_for_status().json()["id"]
    page = await open_page(url=locked.url)
    await page.wait_for_function(SHOWN, arg='.avatar[data-id="default"] img')
    assert await page.locator(".avatar").count() == len(BUNDLED_IDS)
    await page.wait_for_function(SHOWN, arg='.avatar[data-id="bolt"] img')
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.evaluate(KEEP)
    await page.reload()
    await page.wait_for_function(SHOWN, arg=f'.avatar[data-id="{id}"] img')
    await page.click(f'.avatar[data-id="{id}"] label')
    await page.wait_for_function("() => document.querySelector('#poster').src.startsWith('blob:')")
    await page.wait_for_function(SHOWN, arg="#poster")
    await page.click("#adjust-mouth")
    await page.wait_for_function(
        "() => document.querySelector('#mouth-dialog image')?.href.baseVal.startsWith('blob:')"
    )
    assert not any(KEY in url for url in asked)
