"""Voices, the inference thread and pacers on a clock moved by hand; an engine takes a given time for its pictures."""

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
    """Takes its time for each batch, while the rest of the service goes on. ``take``: given how many pictures."""

    name = "slow"
    span: MelSpan | None = None

    def __init__(self, take: Callable[[int], None], max_batch: int) -> None:
        self._take, self.max_batch = take, max_batch
        self.drawn: list[int] = []

    def prepare(self, avatar: Avatar) -> Face:
        return Face(None)

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        self._take(len(jobs))
        self.drawn += [job.window.sound.pts for job in jobs]
        return [np.full((3, 2), RESTING if job.window.sound.silent else SPEAKING, np.uint8) for job in jobs]


@dataclass(frozen=True, slots=True)
class Speech:
    """``speaks``: whether there is a voice at a time, in s. ``chunk``: slices of sound that are sent at once."""

    speaks: Callable[[float], bool] = lambda at_s: at_s % 4 < 3
    mode: Mode = "live"
    chunk: int = 1


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


class Voice:
    """Somebody who speaks, and what is heard of it. ``late_ns``: how much later than full slots it begins."""

    def __init__(self, worker: InferenceWorker, engine: SlowEngine, speech: Speech, late_ns: int) -> None:
        self._clock, self._speech, self._late_ns = worker.clock, speech, late_ns
        buffer, self._recorder = PlayoutBuffer(20, 10), Recorder()
        sink = BufferedSink(buffer, worker.clock, _raise)
        self.stream = worker.open(engine, Face(None), speech.mode == "live", sink)
        links = PacerLinks(buffer, self.stream, self._recorder, StillFace())
        self._pacer = Pacer(links, speech.mode, worker.clock, PacerListener())
        self._slots = self._pacer.start()
        self.heard = Heard([])

    @property
    def next_ns(self) -> int:
        """When it is to :meth:`go_on`."""
        return min(self._speaks_ns, self._plays_ns)

    def go_on(self) -> None:
        """Send sound, or play."""
        if self._plays_ns <= self._speaks_ns:
            self._play()
        else:
            self.stream.submit([self._next_window() for _ in range(self._speech.chunk)])

    @property
    def _speaks_ns(self) -> int:
        return self._spoken_ns(len(self.heard.silent) + self._speech.chunk) + LOOK_AHEAD_NS

    @property
    def _plays_ns(self) -> int:
        return self._slots.due_ns(self._pacer.next_slot)

    def _spoken_ns(self, slices: int) -> int:
        return slices * SLOT_NS + self._late_ns

    def _next_window(self) -> Window:
        number = len(self.heard.silent)
        silent = not self._speech.speaks(number * SLOT_NS / NS_PER_S)
        sound = np.full(SAMPLES_PER_FRAME, 0 if silent else 1, np.int16)
        timestamps = StageTimestamps(self._spoken_ns(number + 1))
        self.heard.silent.append(silent)
        return Window(AudioSlice(0, number, sound, MODEL_SOUND, silent, timestamps), NO_MEL)

    def _play(self) -> None:
        heard, gaps, now_ns = self.heard, self._pacer.counters.gaps, self._clock.now_ns()
        shown = self._recorder.slots[-1].image if self._recorder.slots else None
        self._pacer.step()
        slot = self._recorder.slots[-1]
        if self._pacer.counters.gaps > gaps:
            heard.holes_at_s.append(now_ns / NS_PER_S)
        if slot.pts is not None:
            heard.played.append(slot.pts)
            heard.delays_ms.append((now_ns - self._spoken_ns(slot.pts + 1)) / NS_PER_MS)
            heard.open_in_silence += heard.silent[slot.pts] and _is_open(slot.image)
            if slot.image is not shown:
                heard.pictures_at_s.append(now_ns / NS_PER_S)


class ThreadModel:
    """Voices that begin at times spread over a slot.

    ``picture_ms``: what a picture takes that is begun at a time, in s; ``batch_ms``: what a batch takes besides.
    ``speeches``: one for each voice.
    """

    def __init__(
        self,
        picture_ms: Callable[[float], float],
        *speeches: Speech,
        batch_ms: float = 0,
        max_batch: int = 4,
    ) -> None:
        self._clock = clock = FakeClock(0)
        self._picture_ms, self._batch_ms = picture_ms, batch_ms
        self.engine = SlowEngine(self._take_time, max_batch)
        self.worker = InferenceWorker(clock)
        self.worker._loop = cast(asyncio.AbstractEventLoop, AtOnce())
        self.voices = [
            Voice(self.worker, self.engine, speech, n * SLOT_NS // len(speeches)) for n, speech in enumerate(speeches)
        ]
        self._watch_ns = 0

    def run(self, seconds: float) -> list[Heard]:
        """Let all speak for so long, and return what is heard of each."""
        end_ns = int(seconds * NS_PER_S)
        while self._clock.time_ns < end_ns:
            if batch := self.worker._next_batch():
                self.worker._work(batch)
            else:
                self._pass_time(min(self._watch_ns, *(voice.next_ns for voice in self.voices)))
        return [voice.heard for voice in self.voices]

    def _take_time(self, pictures: int) -> None:
        self._pass_time(self._clock.time_ns + int(self._batch_ms * NS_PER_MS))
        for _ in range(pictures):
            now_ns = self._clock.time_ns
            self._pass_time(now_ns + int(self._picture_ms(now_ns / NS_PER_S) * NS_PER_MS))

    def _pass_time(self, until_ns: int) -> None:
        """Do what happens on the event loop until then."""
        while True:
            voice = min(self.voices, key=lambda voice: voice.next_ns)
            next_ns = min(self._watch_ns, voice.next_ns)
            if next_ns > until_ns:
                break
            self._clock.time_ns = next_ns
            if next_ns == self._watch_ns:
                self.worker._stand_in()
                self._watch_ns += WATCH_NS
            else:
                voice.go_on()
        self._clock.time_ns = until_ns


def _raise(error: BaseException) -> None:
    raise error


def _is_open(picture: Picture) -> bool:
    return isinstance(picture, np.ndarray) and int(picture[0, 0]) == SPEAKING


def steady(picture_ms: float) -> Callable[[float], float]:
    """Return what pictures take that all take the same."""
    return lambda at_s: picture_ms


def known(model: ThreadModel, picture_ms: float) -> None:
    """Let it be known what pictures take, as it is when a session begins."""
    picture_ns = int(picture_ms * NS_PER_MS)
    for _ in range(ENOUGH):
        model.worker.cost.note(model.voices[0].stream.cost_key, 1, picture_ns, picture_ns, 0)
