"""A microphone, a network and an inference thread on a clock moved by hand, before a real pacer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from app.media import NS_PER_MS, SAMPLES_PER_FRAME, SLOT_MS, SLOT_NS, StageTimestamps, TalkingFrame
from app.pacer.links import PacerLinks, PacerListener
from app.pacer.pacer import Pacer
from app.pacer.playout_buffer import PlayoutBuffer
from tests.fakes import FakeClock, Recorder, StillFace

LOOK_AHEAD_MS = 45.0  # from a slice's last sample to its picture, at best
IMAGE = np.zeros((3, 2), np.uint8)


@dataclass
class Playout:
    """What came out. ``delays_ms``: of every frame played, from its last sample's being spoken to its slot."""

    pacer: Pacer
    recorder: Recorder
    gaps_at_s: list[float] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)

    def gaps_after(self, seconds: float) -> int:
        return sum(at > seconds for at in self.gaps_at_s)


def never_late(sent_ms: float) -> float:
    return 0.0


def play_live(
    seconds: float,
    arrives_late_ms: Callable[[float], float] = never_late,
    drawn_late_ms: Callable[[float], float] = never_late,
    speaks: Callable[[float], bool] = lambda at_s: at_s % 4 < 3,
    ppm: float = 0.0,
    phase_ms: float = 0.0,
) -> Playout:
    """Play a live voice: what is spoken at x ms arrives ``arrives_late_ms(x)`` after that, in order.

    ``drawn_late_ms``: how much longer the thread takes for it. ``phase_ms``: where the slots lie.
    """
    clock, recorder, buffer = FakeClock(0), Recorder(), PlayoutBuffer(20, 10)
    waiting: deque[TalkingFrame] = deque()
    upstream = _Upstream(waiting)
    pacer = Pacer(PacerLinks(buffer, upstream, recorder, StillFace()), "live", clock, PacerListener())
    clock.time_ns = int(phase_ms * NS_PER_MS)
    slots = pacer.start()
    played = Playout(pacer, recorder)
    number, arrived_ms, ready_ms = 0, 0.0, 0.0
    for slot in range(int(seconds * 25)):
        now_ms = slots.due_ns(slot) / NS_PER_MS
        while True:
            spoken_ms = (number + 1) * SLOT_MS / (1 + ppm / 1e6)
            arrives = max(arrived_ms, spoken_ms + arrives_late_ms(spoken_ms))
            if arrives > now_ms:
                break
            silent = not speaks(spoken_ms / 1000) and not speaks((spoken_ms - SLOT_MS) / 1000)
            arrived_ms = arrives
            ready_ms = max(ready_ms, arrives + LOOK_AHEAD_MS + drawn_late_ms(spoken_ms))
            timestamps = StageTimestamps(
                int(arrives * NS_PER_MS),
                queued_ns=int(arrives * NS_PER_MS),
                begun_ns=int(ready_ms * NS_PER_MS),
                ready_ns=int(ready_ms * NS_PER_MS),
            )
            audio = np.full(SAMPLES_PER_FRAME, 0 if silent else 1 + number % 30_000, np.int16)
            waiting.append(TalkingFrame(0, number, IMAGE, audio, silent, timestamps))
            number += 1
        while waiting and waiting[0].timestamps.ready_ns <= now_ms * NS_PER_MS:
            waiting[0].timestamps.held_back |= not buffer.has_room
            if not buffer.has_room:
                break
            buffer.put(waiting.popleft())
        clock.time_ns = slots.due_ns(slot)
        gaps, count = pacer.counters.gaps, pacer.counters.played
        head = buffer.head
        pacer.step()
        if pacer.counters.gaps > gaps:
            played.gaps_at_s.append(now_ms / 1000)
        if pacer.counters.played > count and head is not None:
            spoken_ms = ((head.sent_ns + SLOT_NS) / NS_PER_MS) / (1 + ppm / 1e6)
            played.delays_ms.append(now_ms - spoken_ms)
    return played


@dataclass
class _Upstream:
    waiting: deque[TalkingFrame]
    ended: bool = False

    @property
    def backlog(self) -> int:
        return len(self.waiting)
