"""Fakes that several tests share: a clock and a pool moved by hand, and frames that say who they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

import numpy as np

from app.emphasis import Emphasis
from app.inference.engine import IdleMotion
from app.inference.scheduler.demand import Demand
from app.media import I420, SAMPLES_PER_FRAME, StageTimestamps, TalkingFrame
from app.pacer.concealment import FADE_SAMPLES
from app.pacer.links import PacerListener
from app.pacer.played_slot import PlayedSlot
from app.rtc.subscription import Encoded


class FakeClock:
    """Time that moves only when told, or when somebody sleeps."""

    def __init__(self, now_ns: int = 1_000_000_000) -> None:
        self.time_ns = now_ns

    def now_ns(self) -> int:
        return self.time_ns

    async def sleep_until(self, deadline_ns: int) -> None:
        self.time_ns = max(self.time_ns, deadline_ns)
        await asyncio.sleep(0)


class SteppedClock:
    """Time that moves when told: who sleeps wakes at their deadlines, one after the other."""

    def __init__(self, now_ns: int = 1_000_000_000) -> None:
        self.time_ns = now_ns
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def now_ns(self) -> int:
        return self.time_ns

    async def sleep_until(self, deadline_ns: int) -> None:
        if deadline_ns <= self.time_ns:
            await asyncio.sleep(0)
            return
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((deadline_ns, waking))
        await waking

    async def advance(self, ns: int) -> None:
        """Move on, and let everybody do what they do until they sleep again."""
        until_ns = self.time_ns + ns
        while True:
            for _ in range(10):
                await asyncio.sleep(0)
            self._sleepers = [each for each in self._sleepers if not each[1].done()]
            next_ns = min((deadline for deadline, _ in self._sleepers), default=until_ns + 1)
            if next_ns > until_ns:
                self.time_ns = until_ns
                return
            self.time_ns = max(self.time_ns, next_ns)
            for deadline, waking in self._sleepers:
                if deadline <= self.time_ns:
                    waking.set_result(None)


def frame(pts: int, silent: bool = False, generation: int = 0, ready_ns: int = 0) -> TalkingFrame:
    """A frame whose picture (2 × 2 pixels) and sound both carry its number."""
    image = np.full((3, 2), pts % 251, np.uint8)
    audio = np.full(SAMPLES_PER_FRAME, pts % 30_000 + 1, np.int16)
    return TalkingFrame(
        generation,
        pts,
        image,
        audio,
        silent,
        StageTimestamps(ready_ns, queued_ns=ready_ns, begun_ns=ready_ns, ready_ns=ready_ns),
    )


class HandPool(Executor):
    """A pool whose work is done when it is told, in any order."""

    def __init__(self) -> None:
        self.work: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.work.append((Future(), partial(fn, *args, **kwargs)))
        return self.work[-1][0]

    def draw(self, number: int) -> None:
        future, work = self.work[number]
        future.set_result(work())


class InlinePool(Executor):
    """A pool that does its work at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class NotingEncoder:
    """Codes nothing: what it was given is in ``coded``. Key frames are those that were asked for."""

    def __init__(self, bitrate: int = 1_000_000) -> None:
        self.bitrate = bitrate
        self.coded: list[tuple[int, I420, bool]] = []

    def encode(self, picture: I420, slot: int, key: bool) -> Encoded:
        self.coded.append((slot, picture, key))
        return Encoded(slot * 3600, b"x", key)

    def aim_at(self, bitrate: int) -> None:
        self.bitrate = bitrate


class Recorder:
    """An outlet that keeps what it is given."""

    def __init__(self) -> None:
        self.slots: list[PlayedSlot] = []

    def put(self, played: PlayedSlot) -> None:
        self.slots.append(played)

    def played_numbers(self) -> list[int]:
        """The numbers of the frames that were played, after checking that picture and voice agree."""
        numbers = []
        for slot in self.slots:
            if slot.generation is not None:
                number = int(slot.audio[-1]) - 1
                assert (slot.audio[FADE_SAMPLES:] == number + 1).all()  # a return is faded in
                assert isinstance(slot.image, np.ndarray) and (slot.image == number % 251).all()
                numbers.append(number)
        return numbers


STILL = np.zeros((3, 2), np.uint8)


class HoardingSink:
    """Takes whatever the inference thread makes; ``demand`` may be set to another."""

    def __init__(self, demand: Demand | None = None) -> None:
        self.demand = demand or Demand()
        self.frames: list[TalkingFrame] = []
        self.errors: list[BaseException] = []
        self._news = asyncio.Event()

    def put(self, frames: list[TalkingFrame]) -> None:
        self.frames += frames
        self._news.set()

    def replace(self, frame: TalkingFrame) -> None:
        self.frames = [frame if each.pts == frame.pts else each for each in self.frames]

    def fail(self, error: BaseException) -> None:
        self.errors.append(error)
        self._news.set()

    async def wait_for(self, count: int, limit_s: float = 30) -> list[TalkingFrame]:
        """Wait for so many frames and errors; returns the frames."""
        async with asyncio.timeout(limit_s):
            while len(self.frames) + len(self.errors) < count:
                self._news.clear()
                await self._news.wait()
        return self.frames


class Watched:
    """An audience that is there, or not."""

    def __init__(self, watched: bool = True) -> None:
        self.watched = watched


class StillFace:
    """A face at rest that is one picture."""

    def __init__(self, image: I420 = STILL) -> None:
        self.image = image

    def picture(self, position: int) -> I420:
        return self.image

    def follow(self, position: int, played: I420, emphasis: Emphasis) -> None:
        pass


class HeardSpeaking(PacerListener):
    """Notes when utterances begin and end, and how late slots were."""

    def __init__(self) -> None:
        self.news: list[bool] = []
        self.late_ns: list[int] = []

    def speaking(self, speaking: bool, pts: int) -> None:
        self.news.append(speaking)

    def slot_served(self, late_ns: int) -> None:
        self.late_ns.append(late_ns)


class Face:
    """An avatar that is nothing but its life, or a picture."""

    moving = False

    def __init__(self, life: IdleMotion | None) -> None:
        self.idle_motion = life

    def without_idle_motion(self) -> Face:
        return Face(None)

    def idle_frame(self, position: int) -> I420:
        return STILL
