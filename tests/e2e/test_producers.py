"""Engines of every speed, and one that stalls, behind the real server: what the voice and the delay do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from app.config import Settings
from app.inference.engine import Job
from app.inference.engines.clapper import Clapper
from app.media import I420
from app.server import Server, make_server
from tests.client import Client
from tests.e2e.test_over_webrtc import RATE, beeps, onsets_audio, onsets_video, speak_live
from tests.noise import Faults, Noise, believed

pytestmark = pytest.mark.realtime

HZ = 440.0


class SlowClapper(Clapper):
    """Takes a given time a frame, and stalls when told."""

    frame_s = 0.0
    stall_s = 0.0
    burst = 0  # frames between pauses of half their own time
    drawn = 0

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        stall_s, self.stall_s = self.stall_s, 0.0
        before, self.drawn = self.drawn, self.drawn + len(jobs)
        if self.burst and before // self.burst != self.drawn // self.burst:
            stall_s += self.burst * 0.02
        time.sleep(stall_s + self.frame_s * len(jobs))
        return super().render(jobs)


class Running:
    """The server on a thread of this process, so that its engine can be disturbed."""

    def __init__(self, folder: Path) -> None:
        self.engine = SlowClapper()
        self._server: Server = make_server(Settings(port=0, data_dir=folder))
        self._server.engines.add(self.engine)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}/ws"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=15)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path)
    yield server
    server.stop()


def loud_runs(client: Client) -> list[np.ndarray]:
    """The received sound's unbroken loud stretches of at least 0.1 s."""
    sound = np.concatenate([pcm for _, pcm in client.audio.frames]).astype(np.float32) / 32768
    level = np.convolve(np.abs(sound), np.ones(480) / 480, "same")
    edges = np.flatnonzero(np.diff((level > 0.2).astype(int), prepend=0, append=0))
    runs = [sound[a + 480 : b - 480] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [run for run in runs if len(run) > RATE // 10]


def frequency(tone: np.ndarray) -> float:
    """The frequency of a steady tone, from the phase's slope."""
    t = np.arange(len(tone)) / RATE
    phase = np.unwrap(np.angle(np.convolve(tone * np.exp(-2j * np.pi * HZ * t), np.ones(960) / 960, "valid")))
    return HZ + float(np.polyfit(t[: len(phase)], phase, 1)[0]) / (2 * np.pi)


SPEEDS = {"0.5x": (0.08, 0), "2x": (0.02, 0), "50x": (0.0, 0), "bursts of a second": (0.0, 25)}


@pytest.mark.parametrize("speed", SPEEDS)
async def test_the_voice_keeps_its_pitch_at_any_producer_speed(running: Running, speed: str) -> None:
    running.engine.frame_s, running.engine.burst = SPEEDS[speed]
    tone = (0.5 * np.sin(2 * np.pi * HZ * np.arange(RATE * 4) / RATE) * 32767).astype(np.int16)
    async with Client(running.ws_url) as client:
        await client.start(engine="clapper", mode="clip", sample_rate=RATE)
        await client.connect()
        await client.socket.send(tone.tobytes())
        await client.say("flush")
        finished = await client.expect("speaking", state="finished", timeout_s=25)
        await asyncio.sleep(0.5)
    assert finished["played_ms"] == 4000
    runs = loud_runs(client)
    total_s = sum(len(run) + 960 for run in runs) / RATE
    assert total_s == pytest.approx(4, abs=0.3), "sound was lost or made up"
    for run in runs:
        assert frequency(run) == pytest.approx(HZ, rel=0.005)


@dataclass
class Onsets:
    """When flashes and beeps came, in media time, and the delays that the server told, a second each."""

    flashes: list[float]
    tones: list[float]
    delays_ms: list[int | None]


@pytest.mark.parametrize("mode", ["clip", "live"])
async def test_a_stalled_inference_thread_freezes_and_comes_back_in_step(running: Running, mode: str) -> None:
    sound = beeps(12)

    def stall() -> None:
        running.engine.stall_s = 2.0

    async def once() -> Onsets:
        async with Client(running.ws_url) as client:
            await client.start(engine="clapper", mode=mode, sample_rate=RATE)
            await client.connect()
            if mode == "clip":
                for second in range(12):
                    await client.socket.send(sound[second * RATE : (second + 1) * RATE].tobytes())
                await asyncio.sleep(3)
                stall()
                await asyncio.sleep(12)
            else:
                await speak_live(client, sound, {200: stall})
            delays = [message["delay_ms"] for message in client.messages if message["type"] == "stats"]
            return Onsets(onsets_video(client), onsets_audio(client), delays)

    def faults(found: Onsets, noise: Noise) -> Faults:
        wrong = {}
        if len(found.tones) < 9:
            wrong["lost"] = f"{len(found.tones)} beeps came"
        # a freeze inside a beep cuts both at once, so each onset has its partner
        alone = [tone for tone in found.tones if min(abs(flash - tone) for flash in found.flashes) >= 0.015]
        if alone:
            wrong["alone"] = f"beeps at {alone} had no flash, flashes were at {found.flashes}"
        if mode == "live":
            delays = [delay for delay in found.delays_ms if delay is not None]
            before = float(np.median(delays[1:3]))
            # the median of a second; silence goes at once
            if max(delays[3:8]) <= before + 300 or delays[-1] >= before + 100:
                wrong["delay"] = f"delays of {delays} ms"
        return wrong

    await believed(once, faults)
