"""Two real servers that share nothing but a store: what one keeps speaks on the other, and goes with it."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image as PillowImage

from app.assets import DEFAULT_PICTURE
from tests.client import Client
from tests.films import film
from tests.server import Server
from tests.stores import Tried

pytestmark = pytest.mark.realtime

LIMIT_S = 120  # on a machine that is busy; by itself it takes the poll's two seconds
SOUND = {"mode": "clip", "sample_rate": 48_000, "channels": 1, "encoding": "pcm_s16le"}


@pytest.fixture
def servers(tried: Tried, tmp_path: Path) -> Iterator[list[Server]]:
    """Two servers with data folders of their own."""
    started = []
    for name in "ab":
        (tmp_path / name).mkdir()
        started.append(
            Server.start(tmp_path / name, store=tried.url, store_endpoint=tried.endpoint, spare_disk_megabytes="0")
        )
    yield started
    assert [server.stop() for server in started] == [0, 0]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        yield client


async def until(true: Callable[[], Awaitable[bool]]) -> float:
    begun = time.monotonic()
    async with asyncio.timeout(LIMIT_S):
        while not await true():
            await asyncio.sleep(0.2)
    return time.monotonic() - begun


def picture(side: int) -> bytes:
    data = io.BytesIO()
    PillowImage.open(DEFAULT_PICTURE).convert("RGB").resize((side, side)).save(data, "PNG")
    return data.getvalue()


async def upload(http: httpx.AsyncClient, server: Server, data: bytes, field: str = "image") -> httpx.Response:
    return await http.post(server.url + "/api/avatars", files={field: (f"Ann.{field}", data)})


async def begun(client: Client, avatar: str, engine: str) -> bool:
    """Begin a session; False where the machine is busy."""
    await client.say("start", avatar=avatar, engine=engine, **SOUND)
    async with asyncio.timeout(LIMIT_S):
        while not client.messages:
            await asyncio.sleep(0.05)
    first = client.messages[0]
    assert first["type"] == "started" or first["code"] == "server_busy", first
    return bool(first["type"] == "started")


async def speaks(server: Server, avatar: str, engine: str = "portrait") -> None:
    """Have a face speak, and see and hear it."""
    await until(lambda: has_spoken(server, avatar, engine))


async def has_spoken(server: Server, avatar: str, engine: str) -> bool:
    async with Client(server.ws_url) as client:
        if not await begun(client, avatar, engine):
            return False
        await client.connect()
        tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.int16)
        await client.socket.send(tone.tobytes())
        await client.say("flush")
        await client.expect("speaking", LIMIT_S, state="finished")
        assert client.video.frames and max(np.abs(sound).max() for _, sound in client.audio.frames) > 2000
    return True


async def listed(http: httpx.AsyncClient, server: Server) -> list[str]:
    answer = (await http.get(server.url + "/api/avatars")).json()
    return [avatar["id"] for avatar in answer["avatars"]]


async def test_an_upload_on_one_speaks_on_the_other_and_what_becomes_of_it_reaches_both(
    servers: list[Server], http: httpx.AsyncClient, tmp_path: Path
) -> None:
    here, there = servers
    made = await upload(http, here, picture(300))
    assert made.status_code == 201, made.text
    id = made.json()["id"]
    await speaks(there, id)
    assert id in await listed(http, there)
    image = await http.get(f"{there.url}/api/avatars/{id}/image")
    assert image.content == (await http.get(f"{here.url}/api/avatars/{id}/image")).content

    mouth = (await http.get(f"{there.url}/api/avatars/{id}/mouth")).json()
    points = mouth["points"]
    next(point for point in points if point["name"] == "chin")["y"] += 3
    assert (await http.put(f"{here.url}/api/avatars/{id}/mouth", json={"points": points})).status_code == 200

    async def corrected() -> bool:
        found = (await http.get(f"{there.url}/api/avatars/{id}/mouth")).json()
        return bool(found["corrected"]) and found["points"] == points

    await until(corrected)
    await speaks(there, id)

    assert (await http.delete(f"{there.url}/api/avatars/{id}")).status_code == 204

    async def gone() -> bool:
        return id not in await listed(http, here)

    await until(gone)
    assert (await http.get(f"{here.url}/api/avatars/{id}")).status_code == 404
    answer = await http.post(here.url + "/api/sessions", json={"avatar": id})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_avatar")


async def test_a_video_speaks_on_the_other_too(servers: list[Server], http: httpx.AsyncClient, tmp_path: Path) -> None:
    here, there = servers
    made = await upload(http, here, film(tmp_path / "film.mp4"), "video")
    assert made.status_code == 201, made.text
    await speaks(there, made.json()["id"])


async def test_a_recording_is_served_and_deleted_by_the_other(servers: list[Server], http: httpx.AsyncClient) -> None:
    here, there = servers
    wish: Any = {"engine": "clapper", "record": True}

    async def made() -> bool:
        answer = await http.post(here.url + "/api/sessions", json=wish)
        wish["id"] = answer.json().get("id")
        return answer.status_code == 201  # else it is busy

    await until(made)
    at = f"/api/sessions/{wish['id']}"

    async def long_enough() -> bool:
        return bool((await http.get(here.url + at)).json()["recording"]["duration_ms"] > 1000)

    await until(long_enough)
    assert (await http.delete(here.url + at)).status_code == 204

    async def served() -> bool:
        return (await http.get(f"{there.url}{at}/recording")).status_code == 200

    await until(served)
    own, other = [await http.get(f"{server.url}{at}/recording") for server in servers]
    assert own.content == other.content and own.content[4:8] == b"ftyp"
    part = await http.get(f"{there.url}{at}/recording", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert (await http.delete(f"{there.url}{at}/recording")).status_code == 204
    for server in servers:
        assert (await http.get(f"{server.url}{at}/recording")).json()["code"] == "no_recording"


async def test_while_the_store_is_away_sessions_go_on_and_afterwards_all_catches_up(
    servers: list[Server], http: httpx.AsyncClient, tried: Tried
) -> None:
    here, there = servers
    id = (await upload(http, here, picture(300))).json()["id"]
    await speaks(there, id, "clapper")
    async with Client(there.ws_url) as client:
        assert await begun(client, id, "clapper")
        await client.connect()
        tried.take_away()
        refused = await upload(http, there, picture(310))
        assert (refused.status_code, refused.json()["code"]) == (503, "store_away")
        assert int(refused.headers["retry-after"]) > 0
        deleted = await http.delete(f"{there.url}/api/avatars/{id}")
        assert (deleted.status_code, deleted.json()["code"]) == (503, "store_away")
        assert id in await listed(http, there)
        await speaks(there, id, "clapper")
        await client.socket.send(bytes(2 * 48_000))
        await client.say("flush")
        await client.expect("speaking", LIMIT_S, state="finished")

        async def noticed() -> bool:
            return "lipwire_store_away 1.0" in (await http.get(there.url + "/metrics")).text

        await until(noticed)
        tried.give_back()

        async def back() -> bool:
            return (await upload(http, there, picture(310))).status_code == 201

        await until(back)

    async def caught_up() -> bool:
        return len(await listed(http, here)) == 3

    await until(caught_up)
    log = there.log.read_text()
    assert log.count("store: it cannot be used") == 1 and "store: it can be used again" in log
    assert "Traceback" not in log + here.log.read_text()
