"""What happens to a whole server: stopped for a while, short of memory, its helpers killed; sessions live on."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image as PillowImage

from app.media import SLOT_MS
from tests.client import Client
from tests.server import Server

pytestmark = pytest.mark.realtime

STOPPED_S = 20
SECOND = 48_000
TONE = (0.3 * np.sin(2 * np.pi * 220 * np.arange(SECOND) / SECOND) * 32767).astype("<i2")
CHUNK = SECOND // 50
DELAY_MS = 1_000  # that a live voice may be late again, some pauses after the stop
ROOM = 300 << 20  # bytes that the limit leaves
PICTURES, SIDE = 6, 5_000  # each takes 75 MB and more to be read


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server.start(tmp_path)
    yield started
    assert started.stop() in (0, -15)


async def speak(client: Client, seconds: int) -> None:
    """Speak as a microphone hears it: a second of words, and one of silence."""
    for number in range(50 * seconds):
        at = number % 50 * CHUNK
        words = TONE[at : at + CHUNK] if number // 50 % 2 == 0 else np.zeros(CHUNK, "<i2")
        await client.socket.send(words.tobytes())
        await asyncio.sleep(0.02)


async def test_a_server_that_was_stopped_goes_on_with_its_sessions_in_time(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper", mode="live")
        await client.connect()
        await speak(client, 4)
        before = await client.expect("stats", after=len(client.messages))
        os.kill(server.pid, signal.SIGSTOP)
        try:
            speaking = asyncio.create_task(speak(client, STOPPED_S))  # what nobody reads piles up in between
            await asyncio.sleep(STOPPED_S)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await speaking
        for _ in range(10):
            await speak(client, 4)
            after = await client.expect("stats", after=len(client.messages), timeout_s=30)
            if (after["delay_ms"] or 0) < DELAY_MS:
                break
        assert client.close_code is None
        assert after["delay_ms"] < DELAY_MS, "what piled up was dropped in one piece, not played late for good"
        gone = (after["slots"] - before["slots"]) * SLOT_MS
        assert gone >= STOPPED_S * 1000, "the timeline has not moved"
        heard = len(client.audio.timestamps)
        await speak(client, 2)
        assert len(client.audio.timestamps) > heard + 50, "and it is heard"


def picture() -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(np.full((SIDE, SIDE, 3), 128, np.uint8)).save(file, "PNG", compress_level=1)
    return file.getvalue()


async def test_a_server_at_its_memory_limit_refuses_and_hurts_nobody_inside(server: Server) -> None:
    async with Client(server.ws_url) as client, httpx.AsyncClient(trust_env=False, timeout=120) as http:
        await client.start(engine="clapper", mode="live")
        await client.connect()
        await speak(client, 1)
        before = await client.expect("stats", after=len(client.messages))
        limits = resource.prlimit(server.pid, resource.RLIMIT_AS)
        resource.prlimit(server.pid, resource.RLIMIT_AS, (_size(server.pid) + ROOM, limits[1]))
        image = picture()

        async def upload() -> httpx.Response:
            return await http.post(f"{server.url}/api/avatars", files={"image": ("a.png", image, "image/png")})

        answers = [asyncio.create_task(upload()) for _ in range(PICTURES)]
        talking = asyncio.create_task(speak(client, 6))
        codes = [answer.json()["code"] for answer in await asyncio.gather(*answers)]
        await talking
        assert "internal_error" not in codes, codes
        assert client.close_code is None, client.messages[-2:]
        after = await client.expect("stats", after=len(client.messages), timeout_s=30)
        assert after["slots"] > before["slots"]
        heard = len(client.audio.timestamps)
        await speak(client, 2)
        assert len(client.audio.timestamps) > heard + 50
        resource.prlimit(server.pid, resource.RLIMIT_AS, limits)
        assert (await upload()).json()["code"] == "no_face", "with memory it is read again"
        async with Client(server.ws_url) as another:
            await another.start(engine="clapper")


def _size(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_speech_process_that_is_killed_costs_one_text_at_most(server: Server) -> None:
    async with Client(server.ws_url) as client, Client(server.ws_url) as neighbour:
        for each in (client, neighbour):
            await each.start(engine="clapper", mode="agent")
            await each.connect()
        await client.say("say", text="The first one.", utterance="first")
        await client.expect("speaking", state="finished", utterance="first", timeout_s=60)
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        assert len(children) == 1
        os.kill(int(children[0]), signal.SIGKILL)
        await neighbour.socket.send(TONE.tobytes())
        await neighbour.say("flush")
        await client.say("say", text="The second one.", utterance="second")
        await client.say("say", text="And the third one.", utterance="third")
        await client.expect("speaking", state="finished", utterance="second", timeout_s=60)
        # a text that came into its end is said to have failed; the next one starts it anew
        third = await client.expect("speaking", state="finished", utterance="third", timeout_s=60)
        assert third["played_ms"] > 300, "another process speaks it"
        finished = await neighbour.expect("speaking", state="finished", timeout_s=60)
        assert finished["played_ms"] == 1000
        assert client.close_code is None and neighbour.close_code is None
