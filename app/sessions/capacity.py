"""How many sessions this machine carries: what each takes is measured, and whoever does not fit is told."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.clock import Clock
from app.i420 import from_bgr
from app.inference.scheduler.cost import CostKey
from app.inference.scheduler.worker import InferenceWorker
from app.media import NS_PER_MS, NS_PER_S, SLOT_NS, VIDEO_FPS, Image
from app.rtc.picture_encoder import Effort, make_encoder
from app.sessions import admission
from app.sessions.admission import Machine, SessionLoad, Terms
from app.sessions.load import Load, Usage, machine_ns, usable_cores
from app.threads import MeasuredPool

SAMPLE_NS = NS_PER_S // 2
SETTLED_SLOTS = 2 * VIDEO_FPS  # of playout, after which a session's load shows in what is measured
PATIENCE_NS = 4 * NS_PER_S  # for that: somebody may never connect
CAREFUL = 0.5  # of what may be used: below it nobody waits for what the last one takes
LATE_NS = 15 * NS_PER_MS  # a slot that is served so late
LATE_SHARE = 0.1  # of the slots of late: who is inside suffers
SLOTS_JUDGED = 75  # 3 s
CODED_AT_FIRST = 12  # pictures, to know what coding takes


@dataclass(frozen=True, slots=True)
class Inside:
    """A session that was let in: what it is, since when, how many slots it has played, where a voice broke off, and
    whether anybody watches, without whom nothing is coded."""

    key: CostKey
    since_ns: int
    slots: int
    last_gap: int | None = None
    watched: bool = True

    @property
    def suffers(self) -> bool:
        """Whether its voice had a gap of late; one in its first moments says nothing about the machine."""
        gap = self.last_gap
        return gap is not None and gap >= SETTLED_SLOTS and self.slots - gap < SLOTS_JUDGED


class Capacity:
    """Measures the machine, and answers on which terms one more session fits. On the event loop."""

    def __init__(self, worker: InferenceWorker, encoders: MeasuredPool, idle: MeasuredPool, clock: Clock) -> None:
        self._worker, self._encoders, self._resting, self._clock = worker, encoders, idle, clock
        self._load = Load(self._usage, usable_cores(), 0.0)
        self._late: deque[bool] = deque(maxlen=SLOTS_JUDGED)

    @property
    def cores(self) -> float:
        """How many this process may use."""
        return self._load.cores

    @property
    def usage(self) -> Usage:
        """Processor time so far."""
        return self._usage()

    @property
    def pictures_coded(self) -> int:
        """So far."""
        return self._encoders.done

    def load(self, inside: Sequence[Inside]) -> float:
        """Return the share of what may be used that those ``inside`` take: 1 is full."""
        return admission.load(self._machine(inside), self._demands(inside))

    def calibrate(self, image: Image) -> None:
        """Learn what coding takes on this machine, from a picture (BGR) that moves a little. Off the event loop."""
        encoder = make_encoder("VP8", 1_500_000, 2_500_000, Effort.USUAL)
        moved = [from_bgr(np.ascontiguousarray(np.roll(image, number % 3, axis=1))) for number in range(3)]
        encoder.encode(moved[0], 0, True)
        begun_ns = time.thread_time_ns()
        for slot in range(1, CODED_AT_FIRST + 1):
            encoder.encode(moved[slot % 3], slot, False)
        spent_ns = time.thread_time_ns() - begun_ns
        pixels = image.shape[0] * image.shape[1]
        self._load = Load(self._usage, usable_cores(), spent_ns / CODED_AT_FIRST / pixels)

    def note_slot(self, late_ns: int) -> None:
        """Take by how much a slot was served late."""
        self._late.append(late_ns > LATE_NS)

    def sample(self, inside: Sequence[Inside]) -> None:
        """Measure what is going on."""
        if not inside:
            self._late.clear()
        self._load.sample([_pixels(session.key) for session in inside if session.slots and session.watched])

    def terms(self, inside: Sequence[Inside], alive: CostKey, calm: CostKey) -> Terms | None:
        """Return on which terms one more fits, as itself or without its life; None where it does not."""
        return admission.terms(self._machine(inside), self._demands(inside), self._demand(alive), self._demand(calm))

    async def until_known(self, inside: Callable[[], Sequence[Inside]]) -> None:
        """Wait until what the latest of those ``inside`` takes is measured, unless there is room for much more.

        A strain is given the same time to pass: other processes come and go.
        """
        until_ns = self._clock.now_ns() + PATIENCE_NS
        while self._clock.now_ns() < until_ns:
            now = inside()
            machine = self._machine(now)
            crowded = admission.load(machine, self._demands(now)) >= CAREFUL
            if not machine.strained and not (crowded and any(self._is_new(session) for session in now)):
                return
            await asyncio.sleep(SAMPLE_NS / NS_PER_S / 2)

    def _is_new(self, session: Inside) -> bool:
        return session.slots < SETTLED_SLOTS and self._clock.now_ns() - session.since_ns < PATIENCE_NS

    def _demands(self, inside: Sequence[Inside]) -> list[SessionLoad]:
        known = {key: self._demand(key) for key in {session.key for session in inside}}
        return [known[session.key] for session in inside]

    def _demand(self, key: CostKey) -> SessionLoad:
        cost, now_ns = self._worker.cost, self._clock.now_ns()
        return SessionLoad(
            inference=cost.work_ns(key, now_ns) / SLOT_NS,
            coding=self._load.coding_cores(_pixels(key)),
            rest=self._load.rest_cores,
            thread=cost.busy_ns(key, now_ns) / SLOT_NS,
        )

    def _machine(self, inside: Sequence[Inside]) -> Machine:
        late = len(self._late) == SLOTS_JUDGED and sum(self._late) > LATE_SHARE * SLOTS_JUDGED
        strained = late or any(session.suffers for session in inside)
        return Machine(self._load.cores, self._load.others_cores, strained)

    def _usage(self) -> Usage:
        return Usage(
            at_ns=self._clock.now_ns(),
            process_ns=time.process_time_ns(),
            inference_ns=self._worker.worked_ns,
            resting_ns=self._resting.worked_ns,
            coding_ns=self._encoders.worked_ns,
            machine_ns=machine_ns(),
        )


def _pixels(key: CostKey) -> int:
    return key.width * key.height
