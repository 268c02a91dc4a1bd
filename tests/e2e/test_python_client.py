"""The Python client against the real server, over a line that is cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import lipwire
import numpy as np
import pytest
import soundfile
from lipwire import Played, SpeakingFinished, SpeakingStarted, connection
from lipwire.__main__ import main

from tests.server import Server

pytestmark = pytest.mark.realtime

RATE = 24_000
SLOT_MS = 40  # a loss ends a piece of an utterance, which is filled up to so much


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server.start(tmp_path_factory.mktemp("server"), engine="clapper")
    yield started
    assert started.stop() in (0, -15)


def tone(seconds: float) -> bytes:
    t = np.arange(int(RATE * seconds)) / RATE
    pcm: bytes = (np.sin(2 * np.pi * 220 * t) * 8000).astype("<i2").tobytes()
    return pcm


class Line:
    """A TCP proxy: :meth:`cut` aborts what goes through it; while ``frozen`` nothing passes, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.cuts = 0

    async def serve(self) -> int:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()

    async def aclose(self) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for source, target in ((reader, up_writer), (up_reader, writer)):
            self._writers.add(target)
            task = asyncio.create_task(self._pass(source, target))
            self._tasks.add(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                await self.flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)


@pytest.fixture
async def line(server: Server) -> AsyncIterator[Line]:
    proxy = Line(int(server.url.rsplit(":", 1)[1]))
    yield proxy
    await proxy.aclose()


async def cut_now_and_then(line: Line, face: lipwire.Face, times: int, every_s: float) -> None:
    while line.cuts < times:
        await asyncio.sleep(every_s)
        if face.connected:
            line.cut()


async def test_a_voice_over_a_line_that_is_cut_again_and_again(line: Line) -> None:
    """Every utterance begins and ends once, and all of it is played."""
    port = await line.serve()
    told: list[lipwire.Event] = []

    async def listen(face: lipwire.Face) -> None:
        async for event in face:
            told.append(event)

    async with lipwire.connect(f"http://127.0.0.1:{port}") as face:
        listening = asyncio.create_task(listen(face))
        cutting = asyncio.create_task(cut_now_and_then(line, face, times=8, every_s=0.37))
        utterances, lengths_ms = [], [1500, 40, 2500, 1000]
        for length_ms in lengths_ms:
            pcm = tone(length_ms / 1000)
            async with face.utterance(sample_rate=RATE) as utterance:
                for start in range(0, len(pcm), 4801):
                    await utterance.send(pcm[start : start + 4801])
                    await asyncio.sleep(0.03)
            utterances.append(utterance)
        await cutting
        assert await face.mark("all")
        played = [await utterance.played() for utterance in utterances]
        assert line.cuts == 8
        for length_ms, outcome in zip(lengths_ms, played, strict=True):
            assert not outcome.interrupted
            assert length_ms <= outcome.played_ms <= length_ms + SLOT_MS * (line.cuts + 1)
    await listening
    ids = [utterance.id for utterance in utterances]
    assert [event.utterance for event in told if isinstance(event, SpeakingStarted)] == ids
    assert [event.utterance for event in told if isinstance(event, SpeakingFinished)] == ids
    assert sum(isinstance(event, lipwire.Disconnected) for event in told) >= 8


async def test_an_interrupt_while_the_line_is_cut_is_heard(line: Line) -> None:
    port = await line.serve()
    async with lipwire.connect(f"http://127.0.0.1:{port}") as face:
        async with face.utterance(sample_rate=RATE) as utterance:
            await utterance.send(tone(60))
        await asyncio.sleep(1)
        line.cut()
        cut = await face.interrupt()
        assert await utterance.played() == Played(cut.played_ms, True) and 500 < cut.played_ms < 10_000


async def test_a_line_that_goes_dead_without_a_word_is_left(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client comes back although the server still takes the old connection for alive."""
    monkeypatch.setattr(connection, "SILENCE_S", 2)
    port = await line.serve()
    async with lipwire.connect(f"http://127.0.0.1:{port}") as face:
        async with face.utterance(sample_rate=RATE) as first:
            await first.send(tone(0.5))
        await first.played()
        line.flowing.clear()
        second = face.utterance(sample_rate=RATE)
        await second.send(tone(0.5))
        await second.end()
        async with asyncio.timeout(30):
            while face.connected:
                await asyncio.sleep(0.05)
            line.flowing.set()
            played = await second.played()
        assert 500 <= played.played_ms <= 500 + SLOT_MS and not played.interrupted


async def test_minutes_ahead_are_taken_then_send_waits_and_an_interrupt_overtakes(server: Server) -> None:
    async with lipwire.connect(server.url) as face:
        utterance, minute = face.utterance(sample_rate=RATE), bytes(2 * RATE * 60)
        sent_minutes = 0
        with contextlib.suppress(asyncio.TimeoutError):
            while sent_minutes < 60:
                await asyncio.wait_for(utterance.send(minute), 5)
                sent_minutes += 1
        assert 5 <= sent_minutes < 15, "what the server reads ahead, and what kernels hold"
        begun = asyncio.get_running_loop().time()
        await face.interrupt()
        assert asyncio.get_running_loop().time() - begun < 5
        async with face.utterance(sample_rate=RATE) as after:
            await after.send(tone(0.2))
        assert await after.played() == Played(200, False)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_the_command_says_a_recording(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], subtype: str
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.frombuffer(tone(0.4), "<i2"), RATE, subtype)
    assert main(["say", "--wav", str(path), "--url", server.url]) == 0
    out = capsys.readouterr().out
    assert f"{server.url}/watch/" in out and "0.4 s" in out
