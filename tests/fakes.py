"""Fakes that several tests share: a clock and a pool moved by hand, and frames that say who they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

import numpy as np

from app.inference.engine import IdleMotion
from app.media import I420, SAMPLES_PER_FRAME, StageTimestamps, TalkingFrame
from app.pacer.concealment import FADE_SAMPLES
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
                assert (slot.image == number % 251).all()
                numbers.append(number)
        return numbers


STILL = np.zeros((3, 2), np.uint8)


class Face:
    """An avatar that is nothing but its life, or a picture."""

    moving = False

    def __init__(self, life: IdleMotion | None) -> None:
        self.idle_motion = life

    def idle_frame(self, position: int) -> I420:
        return STILL
