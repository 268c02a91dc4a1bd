"""A voice, the inference thread and a pacer on a clock moved by hand; an engine takes a given time for its pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from app.avatars.avatar import Avatar
from app.inference.engine import Job
from app.inference.features.window import MelSpan, Window
from app.inference.scheduler.cost import ENOUGH
from app.inference.scheduler.worker import WATCH_NS, InferenceWorker
from app.media import I420, NS_PER_MS, NS_PER_S, SAMPLES_PER_FRAME, SLOT_NS, AudioSlice, StageTimestamps
from app.pacer.idle_renderer import Picture
from app.pacer.links import PacerLinks, PacerListener
from app.pacer.pacer import Pacer
from app.pacer.playout_buffer import PlayoutBuffer
from app.pacer.schedule import Mode
from app.sessions.playout import BufferedSink
from tests.fakes import Face, FakeClock, Recorder, StillFace

LOOK_AHEAD_NS = 45 * NS_PER_MS  # from a slice's last sample to its window, at best
MODEL_SOUND = np.zeros(640, np.float32)
SPEAKING, RESTING = 200, 100  # how bright a picture is whose mouth is open, and one drawn of silence
NO_MEL = np.zeros((80, 0), np.float32)


class SlowEngine:
    """Takes its time for each picture, while the rest of the service goes on."""

    name = "slow"
    span: MelSpan | None = None
    max_batch = 4

    def __init__(self, take: Callable[[], None]) -> None:
        self._take = take
        self.drawn: list[int] = []

    def prepare(self, avatar: Avatar) -> Face:
        return Face(None)

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        pictures = []
        for job in jobs:
            self._take()
            self.drawn.append(job.window.sound.pts)
            pictures.append(np.full((3, 2), RESTING if job.window.sound.silent else SPEAKING, np.uint8))
        return pictures


class AtOnce:
    """An event loop that does at once what the thread asks of it."""

    def call_soon_threadsafe(self, call: Callable[..., None], *arguments: object) -> None:
        call(*arguments)


@dataclass
class Heard:
    """What came out of a model's run. ``silent`` has one entry a slice of sound that was sent."""

    silent: list[bool]
    played: list[int] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    holes_at_s: list[float] = field(default_factory=list)
    pictures_at_s: list[float] = field(default_factory=list)  # when another began to be shown
    open_in_silence: int = 0  # slots

    def share(self, spoken_before_s: float) -> float:
        """Return which part of the speech was played."""
        spoken = [n for n, silent in enumerate(self.silent) if not silent and n * SLOT_NS < spoken_before_s * NS_PER_S]
        return len(set(spoken) & set(self.played)) / len(spoken)


class ThreadModel:
    """One voice. ``picture_ms``: what a picture takes that is begun at a time, in s. ``speaks``: when somebody does."""

    def __init__(
        self,
        picture_ms: Callable[[float], float],
        mode: Mode = "live",
        speaks: Callable[[float], bool] = lambda at_s: at_s % 4 < 3,
    ) -> None:
        self._clock = clock = FakeClock(0)
        self._picture_ms, self._speaks = picture_ms, speaks
        self.engine = SlowEngine(self._take_time)
        self.worker = InferenceWorker(clock)
        self.worker._loop = cast(asyncio.AbstractEventLoop, AtOnce())
        self._buffer, self._recorder = PlayoutBuffer(20, 10), Recorder()
        sink = BufferedSink(self._buffer, clock, self._fail)
        self.stream = self.worker.open(self.engine, Face(None), mode == "live", sink)
        links = PacerLinks(self._buffer, self.stream, self._recorder, StillFace())
        self.pacer = Pacer(links, mode, clock, PacerListener())
        self._slots = self.pacer.start()
        self._watch_ns = 0
        self.heard = Heard([])

    def run(self, seconds: float) -> Heard:
        """Speak for so long, and look at what is heard."""
        end_ns = int(seconds * NS_PER_S)
        while self._clock.time_ns < end_ns:
            if batch := self.worker._next_batch():
                self.worker._work(batch)
            else:
                self._pass_time(self._next_ns)
        return self.heard

    @staticmethod
    def _fail(error: BaseException) -> None:
        raise error

    def _take_time(self) -> None:
        now_ns = self._clock.time_ns
        self._pass_time(now_ns + int(self._picture_ms(now_ns / NS_PER_S) * NS_PER_MS))

    @property
    def _spoken_ns(self) -> int:
        return (len(self.heard.silent) + 1) * SLOT_NS

    @property
    def _next_ns(self) -> int:
        slot_ns = self._slots.due_ns(self.pacer.next_slot)
        return min(self._spoken_ns + LOOK_AHEAD_NS, slot_ns, self._watch_ns)

    def _pass_time(self, until_ns: int) -> None:
        """Do what happens on the event loop until then."""
        while (next_ns := self._next_ns) <= until_ns:
            self._clock.time_ns = next_ns
            if next_ns == self._watch_ns:
                self.worker._stand_in()
                self._watch_ns += WATCH_NS
            elif next_ns == self._slots.due_ns(self.pacer.next_slot):
                self._play()
            else:
                self._speak()
        self._clock.time_ns = until_ns

    def _speak(self) -> None:
        number, arrived_ns = len(self.heard.silent), self._spoken_ns
        silent = not self._speaks(number * SLOT_NS / NS_PER_S)
        sound = np.full(SAMPLES_PER_FRAME, 0 if silent else 1, np.int16)
        slice_ = AudioSlice(0, number, sound, MODEL_SOUND, silent, StageTimestamps(arrived_ns))
        self.heard.silent.append(silent)
        self.stream.submit([Window(slice_, NO_MEL)])

    def _play(self) -> None:
        heard, gaps = self.heard, self.pacer.counters.gaps
        shown = self._recorder.slots[-1].image if self._recorder.slots else None
        self.pacer.step()
        slot, now_s = self._recorder.slots[-1], self._clock.time_ns / NS_PER_S
        if self.pacer.counters.gaps > gaps:
            heard.holes_at_s.append(now_s)
        if slot.pts is not None:
            heard.played.append(slot.pts)
            heard.delays_ms.append((self._clock.time_ns - (slot.pts + 1) * SLOT_NS) / NS_PER_MS)
            heard.open_in_silence += heard.silent[slot.pts] and _is_open(slot.image)
            if slot.image is not shown:
                heard.pictures_at_s.append(now_s)


def _is_open(picture: Picture) -> bool:
    return isinstance(picture, np.ndarray) and int(picture[0, 0]) == SPEAKING


def steady(picture_ms: float) -> Callable[[float], float]:
    """Return what pictures take that all take the same."""
    return lambda at_s: picture_ms


def known(model: ThreadModel, picture_ms: float) -> None:
    """Let it be known what pictures take, as it is when a session begins."""
    picture_ns = int(picture_ms * NS_PER_MS)
    for _ in range(ENOUGH):
        model.worker.cost.note(model.stream.cost_key, 1, picture_ns, picture_ns, 0)
