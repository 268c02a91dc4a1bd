"""The Python client against the real server, over a line that is cut."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import lipwire
import numpy as np
import pytest
import soundfile
from lipwire import Played, SpeakingFinished, SpeakingStarted, connection
from lipwire.__main__ import main

from app.media import SAMPLE_RATE
from tests.front_switch import THROUGH_FRONT
from tests.recorded import play
from tests.server import Serve, Server

pytestmark = pytest.mark.realtime

RATE = 24_000
SLOT_MS = 40  # a loss ends a piece of an utterance, which is filled up to so much


STAGES_HOST = "127.0.0.2"  # at which a cluster's stages say that they are; who listens there is a line


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("server"), engine="clapper") as started:
        yield started


@pytest.fixture(scope="module")
def behind_a_line(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[Server]:
    """Serve what nobody reaches but through a line."""
    folder = tmp_path_factory.mktemp("behind")
    with serve(folder, engine="clapper", stage_url=f"http://{STAGES_HOST}:{{port}}") as started:
        yield started


def tone(seconds: float) -> bytes:
    t = np.arange(int(RATE * seconds)) / RATE
    pcm: bytes = (np.sin(2 * np.pi * 220 * t) * 8000).astype("<i2").tobytes()
    return pcm


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


class Line:
    """TCP proxies before a server, and before a cluster's stages.

    :meth:`cut` aborts what goes through them; while ``frozen`` nothing passes, and nobody is told.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._listening: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.cuts = 0

    async def serve(self) -> str:
        """Begin; returns the address."""
        port = await self._listen("127.0.0.1", 0, port_of(self._server.url))
        for stage in await self._stages():
            await self._listen(STAGES_HOST, stage, stage)
        return f"http://127.0.0.1:{port}"

    async def _stages(self) -> list[int]:
        if not THROUGH_FRONT:
            return []
        async with httpx.AsyncClient(trust_env=False) as http:
            stages = (await http.get(f"{self._server.url}/api/stages")).raise_for_status().json()["stages"]
        return [port_of(stage["url"]) for stage in stages]

    async def _listen(self, host: str, port: int, to_port: int) -> int:
        listening = await asyncio.start_server(functools.partial(self._connect, to_port), host, port)
        self._listening.append(listening)
        taken: int = listening.sockets[0].getsockname()[1]
        return taken

    def cut(self) -> None:
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()

    async def aclose(self) -> None:
        for listening in self._listening:
            listening.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
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
async def line(behind_a_line: Server) -> AsyncIterator[Line]:
    line = Line(behind_a_line)
    yield line
    await line.aclose()


async def cut_now_and_then(line: Line, face: lipwire.Face, times: int, every_s: float) -> None:
    while line.cuts < times:
        await asyncio.sleep(every_s)
        if face.connected:
            line.cut()


async def test_a_voice_over_a_line_that_is_cut_again_and_again(line: Line) -> None:
    """Every utterance begins and ends once, and all of it is played."""
    url = await line.serve()
    told: list[lipwire.Event] = []

    async def listen(face: lipwire.Face) -> None:
        async for event in face:
            told.append(event)

    async with lipwire.connect(url) as face:
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


NOTE_S, NOTES = 0.16, 30
LOWEST_HZ, STEP_HZ = 300, 100  # of the notes


def scale() -> bytes:
    """Notes, each higher than the one before, so that one hears which is missing, doubled or out of its order."""
    hz = np.repeat(LOWEST_HZ + STEP_HZ * np.arange(NOTES), int(RATE * NOTE_S))
    pcm: bytes = (np.sin(2 * np.pi * np.cumsum(hz) / RATE) * 12_000).astype("<i2").tobytes()
    return pcm


def notes_of(sound: np.ndarray) -> list[tuple[int, float]]:
    """Return which notes one hears, and how long each, s; a note is heard again where another was between."""
    window = SAMPLE_RATE // 50  # 20 ms, which tells 50 Hz apart
    heard: list[int] = []
    for start in range(0, len(sound) - window, window // 4):
        piece = sound[start : start + window]
        if np.sqrt(np.mean(piece**2)) >= 0.1:
            spectrum = np.abs(np.fft.rfft(piece * np.hanning(window), 8 * window))
            heard.append(round((np.argmax(spectrum) * SAMPLE_RATE / (8 * window) - LOWEST_HZ) / STEP_HZ))
    runs = [(note, len(list(run))) for note, run in itertools.groupby(heard)]
    # what is shorter is where two notes meet, or a note and silence
    whole = [(note, length) for note, length in runs if length > 6]
    joined = [(note, [length for _, length in run]) for note, run in itertools.groupby(whole, key=lambda run: run[0])]
    return [(note, sum(lengths) * window / 4 / SAMPLE_RATE) for note, lengths in joined]


async def test_every_sound_is_heard_once_in_its_order_however_often_the_line_is_cut(line: Line, tmp_path: Path) -> None:
    """Judged by what was recorded of what viewers were sent."""
    url = await line.serve()
    async with lipwire.connect(url, record=True) as face:
        cutting = asyncio.create_task(cut_now_and_then(line, face, times=8, every_s=0.31))
        pcm = scale()
        async with face.utterance(sample_rate=RATE) as utterance:
            for start in range(0, len(pcm), 4799):
                await utterance.send(pcm[start : start + 4799])
                await asyncio.sleep(0.05)
        await cutting
        await utterance.played()
        recording = face.recording_url
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as http:
        (tmp_path / "a.mp4").write_bytes((await http.get(recording)).content)
    notes = notes_of(play(tmp_path / "a.mp4").sound)
    said = " ".join(f"{note}:{length:.3f}" for note, length in notes)
    assert [note for note, _ in notes] == list(range(NOTES)), said
    assert all(abs(length - NOTE_S) < 0.03 for _, length in notes), said


async def test_an_interrupt_while_the_line_is_cut_is_heard(line: Line) -> None:
    url = await line.serve()
    async with lipwire.connect(url) as face:
        async with face.utterance(sample_rate=RATE) as utterance:
            await utterance.send(tone(60))
        await asyncio.sleep(1)
        line.cut()
        cut = await face.interrupt()
        assert await utterance.played() == Played(cut.played_ms, True) and 500 < cut.played_ms < 10_000


async def test_a_line_that_goes_dead_without_a_word_is_left(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client comes back although the server still takes the old connection for alive."""
    monkeypatch.setattr(connection, "SILENCE_S", 2)
    url = await line.serve()
    async with lipwire.connect(url) as face:
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
        assert 5 <= sent_minutes < 15, "what the server reads ahead, and what is under way"
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


def test_the_command_says_a_text(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    who = httpx.get(f"{server.url}/api/voices", trust_env=False).json()
    if who["default"] is None:
        pytest.skip(who["why"])
    assert main(["say", "--text", "Hello.", "--url", server.url]) == 0
    length = re.search(r"played (\d+\.\d) s\n$", capsys.readouterr().out)
    assert length is not None and 0.3 < float(length[1]) < 3
    assert main(["say", "--text", "Hello.", "--voice", "nobody", "--url", server.url]) == 2
    assert "no_such_voice" in capsys.readouterr().err
