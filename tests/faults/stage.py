"""Sessions on a real inference thread, with engines that fail as they are told; each has somebody who listens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from app.avatars.avatar import Avatar
from app.clock import MonotonicClock
from app.i420 import plain
from app.inference.engine import Job
from app.inference.features.window import MelSpan
from app.inference.scheduler.worker import InferenceWorker
from app.ingest.pcm import PcmFormat
from app.media import I420, SLOT_MS, TalkingFrame
from app.pacer.schedule import Mode
from app.rtc.ice_network import IceNetwork
from app.rtc.picture_encoder import Effort, PictureCodec
from app.sessions.events import Failed, SessionEvent, Speaking
from app.sessions.playout import Cast, Machinery, SessionLimits
from app.sessions.session import Session
from tests.fakes import Face

RATE = 16_000
SLICE_BYTES = 2 * RATE * SLOT_MS // 1000
SIDE = 32  # pixels: encoders want some
REST = plain(SIDE, SIDE, 16)
SPOKEN = plain(SIDE, SIDE, 200)
PATIENCE_S = 60  # for what happens on any machine, some time


class StillFace(Face):
    """A face of ``SIDE`` pixels that does nothing by itself."""

    def __init__(self) -> None:
        super().__init__(None)

    def without_idle_motion(self) -> StillFace:
        return self

    def idle_frame(self, position: int) -> I420:
        return REST


class FaultyEngine:
    """Draws a bright picture, unless ``fault`` does something else, on the inference thread."""

    span: MelSpan | None = None
    max_batch = 4

    def __init__(self, name: str = "faulty") -> None:
        self.name = name
        self.fault: Callable[[Sequence[Job]], Any] | None = None
        self.calls = 0

    def prepare(self, avatar: Avatar) -> StillFace:
        return StillFace()

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        self.calls += 1
        if self.fault is not None:
            drawn: list[I420] = self.fault(jobs)
            return drawn
        return [SPOKEN for _ in jobs]


class Gate:
    """A fault: the engine does not come back until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, jobs: Sequence[Job]) -> list[I420]:
        self.reached.set()
        assert self.opened.wait(PATIENCE_S)
        return [SPOKEN for _ in jobs]


class Ear:
    """Listens to one session, and takes what it sends."""

    def __init__(self, session: Session, codecs: Sequence[PictureCodec] = ("VP8",)) -> None:
        self.session = session
        self.events: list[SessionEvent] = []
        self.pictures: dict[PictureCodec, list[bool]] = {codec: [] for codec in codecs}  # whether each is a key frame
        self.voice = 0  # packets
        self._queue = session.events()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._hear())]
        self._tasks += [asyncio.create_task(self._see(codec)) for codec in codecs]

    @property
    def failure(self) -> str | None:
        """With which code the session ended."""
        return next((event.why.code for event in self.events if isinstance(event, Failed)), None)

    @property
    def finished(self) -> list[Speaking]:
        """The utterances that ended."""
        return [event for event in self.events if isinstance(event, Speaking) and not event.begins]

    async def _listen(self) -> None:
        async for told in self._queue:
            self.events.append(told.event)

    async def _see(self, codec: PictureCodec) -> None:
        subscription = self.session.media.pictures.subscribe(codec)
        while True:
            self.pictures[codec].append((await subscription.next()).key)

    async def _hear(self) -> None:
        subscription = self.session.media.voice.subscribe()
        while True:
            await subscription.next()
            self.voice += 1

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Stage:
    """``open`` sessions; all share a thread, and pools."""

    def __init__(self) -> None:
        self.clock = MonotonicClock()
        self.worker = InferenceWorker(self.clock)
        self.worker.start()
        self._pool = ThreadPoolExecutor(2)
        self._sessions: list[Session] = []
        self._ears: list[Ear] = []

    def open(self, engine: FaultyEngine, mode: Mode = "clip", codecs: Sequence[PictureCodec] = ("VP8",)) -> Ear:
        avatar = Avatar("p", "p", np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((468, 2), np.float32))
        limits = SessionLimits(20, 10, 2, 1_000_000, Effort.USUAL, IceNetwork())
        machinery = Machinery(self.worker, self._pool, self._pool, self.clock)
        id = f"{len(self._sessions):08x}"
        session = Session(id, mode, Cast(engine, avatar, StillFace()), limits, machinery, self)
        self._sessions.append(session)
        session.start()
        self._ears.append(Ear(session, codecs))
        return self._ears[-1]

    async def say(self, ear: Ear, slices: int) -> None:
        """Let a session say so many slots, as one utterance."""
        feeder = ear.session.feeder(PcmFormat("pcm_s16le", 1, RATE))
        await feeder.push(tone(slices))
        feeder.leave()

    def note_slot(self, late_ns: int) -> None:
        pass

    def note_played(self, frame: TalkingFrame, now_ns: int) -> None:
        pass

    async def aclose(self) -> None:
        for ear in self._ears:
            await ear.aclose()
        for session in self._sessions:
            await session.aclose()
        await self.worker.aclose()
        self._pool.shutdown()


async def until(true: Callable[[], object], limit_s: float = PATIENCE_S) -> None:
    """Wait in real time for what happens some time."""
    async with asyncio.timeout(limit_s):
        while not true():
            await asyncio.sleep(0.01)


def tone(slices: int) -> bytes:
    """So many slots of a loud voice, 16-bit."""
    time = np.arange(slices * SLICE_BYTES // 2) / RATE
    return (np.sin(2 * np.pi * 200 * time) * 9000).astype(np.int16).tobytes()
