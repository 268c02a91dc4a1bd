"""The event loop never waits for a disk: not for one file of all that a visitor can have it touch."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image as PillowImage

from app.assets import DEFAULT_PICTURE
from app.config import Settings
from tests.client import Client
from tests.films import film
from tests.loop_files import ServerThread, slow_disk, watched_server
from tests.recorded import claps

pytestmark = pytest.mark.realtime

SLOW_S = 0.25
KEY = "k" * 16


def picture(side: int) -> bytes:
    out = io.BytesIO()
    PillowImage.open(DEFAULT_PICTURE).resize((side, side)).save(out, "PNG")
    return out.getvalue()


async def use_everything(served: ServerThread, video: bytes) -> None:
    """Do what visitors do: look, upload, correct, speak and watch, record, delete."""
    async with httpx.AsyncClient(base_url=served.url, timeout=120) as http:
        for path in ("/", "/sync", "/embed", "/watch/x", "/healthz", "/metrics", "/api/engines", "/api/voices"):
            assert (await http.get(path)).status_code == 200, path
        for path in ("/web/app.js", "/web/nothing.js", "/openapi.json", "/api/sessions/nobody/recording"):
            await http.get(path)
        ids = []
        for field, data in (("image", picture(300)), ("video", video), ("image", b"no picture")):
            answer = await http.post("/api/avatars", params={"upload": KEY}, files={field: ("Ann.png", data)})
            ids += [answer.json()["id"]] if answer.status_code == 201 else []
        assert len(ids) == 2
        assert len((await http.get("/api/avatars")).json()["avatars"]) == 3
        for id in ids:
            assert (await http.get(f"/api/avatars/{id}/image")).status_code == 200
            found = (await http.get(f"/api/avatars/{id}/mouth")).json()["points"]
            points = [{name: point[name] for name in ("name", "x", "y")} for point in found]
            assert (await http.put(f"/api/avatars/{id}/mouth", json={"points": points})).status_code == 200
        for id in ids:
            await speak(served, id)
        wish = {"avatar": ids[1], "engine": "clapper", "record": True, "mode": "clip"}
        made = (await http.post("/api/sessions", json=wish)).json()
        async with Client(served.ws_url) as feeder:
            await feeder.say("attach", session=made["id"], token=made["feed"]["token"], sample_rate=48000)
            await feeder.expect("started")
            await feeder.socket.send(claps(50))
            await feeder.say("flush")
            await feeder.expect("speaking", 30, state="finished")
        assert (await http.get(f"/api/sessions/{made['id']}/recording")).status_code in (200, 404)
        assert (await http.delete(f"/api/sessions/{made['id']}")).status_code == 204
        assert (await http.get(f"/api/sessions/{made['id']}/recording")).status_code == 200
        assert (await http.delete(f"/api/sessions/{made['id']}/recording")).status_code == 204
        for id in ids:
            assert (await http.delete(f"/api/avatars/{id}/mouth")).status_code == 204
            assert (await http.delete(f"/api/avatars/{id}")).status_code == 204


async def speak(served: ServerThread, avatar: str) -> None:
    async with Client(served.ws_url) as client:
        await client.start(avatar=avatar, engine="portrait", mode="clip", sample_rate=48_000)
        await client.connect()
        await client.socket.send(claps(25))
        await client.say("flush")
        await client.expect("stats", 30)
        await client.expect("speaking", 30, state="finished")
        await client.say("stop")


async def test_no_file_is_touched_by_the_event_loop(tmp_path: Path) -> None:
    video = film(tmp_path / "a.mp4")
    settings = Settings(port=0, data_dir=tmp_path / "data")
    context: Any = await asyncio.to_thread(lambda: watched_server(settings))
    served: ServerThread = await asyncio.to_thread(context.__enter__)
    try:
        await use_everything(served, video)
        found = list(served.on_loop)
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)
    assert not found, f"{len(found)} times, first:\n" + "\n".join(found[:5])


async def test_who_speaks_does_not_notice_a_slow_disk_under_an_upload(tmp_path: Path) -> None:
    """Each use of a file takes a quarter of a second, and the face goes on all the while."""
    settings = Settings(port=0, data_dir=tmp_path / "data")
    context: Any = await asyncio.to_thread(lambda: watched_server(settings))
    served: ServerThread = await asyncio.to_thread(context.__enter__)
    try:
        async with Client(served.ws_url) as client, httpx.AsyncClient(base_url=served.url, timeout=120) as http:
            await client.start(engine="clapper", mode="clip", sample_rate=48_000)
            await client.connect()
            await client.socket.send(claps(400))
            await client.expect("speaking", 30, state="started")
            with slow_disk(tmp_path / "data", SLOW_S) as waited:
                before = len(client.messages)
                added = await http.post("/api/avatars", files={"image": ("Ann.png", picture(300))})
                assert added.status_code == 201
                assert (await http.get("/api/avatars")).status_code == 200
                assert (await http.delete(f"/api/avatars/{added.json()['id']}")).status_code == 204
                assert len(waited) >= 10, "the disk was used, and slow"
            slow = [message for message in client.messages[before:] if message["type"] == "stats"]
            assert len(slow) >= 2 and slow[-1]["played_ms"] > slow[0]["played_ms"], "it went on meanwhile"
            assert not served.on_loop
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)
