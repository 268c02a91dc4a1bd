"""A disk that is really full, in each place that writes: told in a sentence, nothing stays, and a neighbour goes on."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config import Settings
from tests.client import Client
from tests.e2e.test_files_off_the_loop import picture
from tests.films import SIDE, film
from tests.loop_files import ServerThread, watched_server
from tests.recorded import claps

pytestmark = pytest.mark.realtime

MB = 1024 * 1024
DISK_MB = 24


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a disk that is really full needs the right to mount one: run the tests as root to see it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
async def served(disk: Path) -> AsyncIterator[ServerThread]:
    context: Any = watched_server(Settings(port=0, data_dir=disk, spare_disk_megabytes=0))
    yield await asyncio.to_thread(context.__enter__)
    await asyncio.to_thread(context.__exit__, None, None, None)


@pytest.fixture
async def neighbour(served: ServerThread) -> AsyncIterator[Client]:
    """Somebody who speaks all the while, and whose frames all come."""
    async with Client(served.ws_url) as client:
        await client.start(engine="clapper", mode="agent", sample_rate=48_000)
        await client.connect()
        await client.socket.send(claps(1500))
        await client.expect("speaking", 30, state="started")
        yield client
        before = len(client.messages)
        await client.expect("stats", 30, after=before)
        first = client.messages[-1]
        await client.expect("stats", 30, after=len(client.messages))
        last = client.messages[-1]
        assert client.close_code is None and last["drops"] == 0
        assert last["played_ms"] > first["played_ms"] > 0, "it speaks on"
    assert not served.on_loop


def fill(disk: Path, leave: int = 0) -> Path:
    """Take what is left of a disk."""
    path = disk / "filler"
    with path.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(64 * 1024)):
                pass
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leave))
    return path


async def test_each_place_that_writes_says_that_the_disk_is_full(
    served: ServerThread, disk: Path, neighbour: Client, tmp_path: Path
) -> None:
    short = film(tmp_path / "short.mp4")
    frames = (DISK_MB + 8) * MB // (SIDE * SIDE * 3)
    long = film(tmp_path / "long.mp4", frames)
    async with httpx.AsyncClient(base_url=served.url, timeout=120) as http:

        async def sent(field: str, data: bytes) -> tuple[int, str]:
            answer = await http.post("/api/avatars", files={field: ("Ann.mp4", data)})
            return answer.status_code, answer.json().get("code") or answer.json()["id"]

        full = (507, "disk_full")
        status, kept = await sent("image", picture(300))
        assert status == 201
        assert await sent("video", b"\0\0\0\x18ftypmp42" + bytes(30 * MB)) == full, "its length is announced"

        async def unannounced() -> AsyncIterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="video"; filename="x.mp4"\r\n\r\n\0\0\0\x18ftypmp42'
            for _ in range(30):
                yield bytes(MB)

        answer = await http.post(
            "/api/avatars", content=unannounced(), headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert (answer.status_code, answer.json()["code"]) == full, "as it grows"
        assert await sent("video", long) == full, "the frames that it would become"
        filler = await asyncio.to_thread(fill, disk)
        points = (await http.get(f"/api/avatars/{kept}/mouth")).json()["points"]
        mouth = {"points": [{name: point[name] for name in ("name", "x", "y")} for point in points]}
        answer = await http.put(f"/api/avatars/{kept}/mouth", json=mouth)
        assert (answer.status_code, answer.json()["code"]) == full, "a correction"
        assert await sent("image", picture(301)) == full
        assert len((await http.get("/api/avatars")).json()["avatars"]) == 2, "what is kept can be read"
        assert (await http.delete(f"/api/avatars/{kept}")).status_code == 204, "and deleted, to make room"
        filler.unlink()
        assert sorted(path.name for path in (disk / "avatars").iterdir()) == [], "nothing stays"
        assert (await sent("video", short))[0] == 201, "and all is well again"


async def test_an_upload_cut_short_beside_a_session_hurts_nobody(
    served: ServerThread, disk: Path, neighbour: Client
) -> None:
    address = httpx.URL(served.url)
    for _ in range(5):
        _, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(
            f"POST /api/avatars HTTP/1.1\r\nHost: {address.host}:{address.port}\r\nContent-Length: 90000000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="video"; filename="x.mp4"\r\n\r\n'.encode()
            + b"\0\0\0\x18ftypmp42"
            + bytes(3 * MB)
        )
        await asyncio.sleep(0.3)
        writer.transport.abort()
    async with asyncio.timeout(20):
        while [path for path in (disk / "avatars").glob("draft-*")]:
            await asyncio.sleep(0.05)
