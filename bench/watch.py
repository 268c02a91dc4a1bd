"""One run of whole sessions against a running server: who joins, what counts, and what all of it costs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.clock import Clock, MonotonicClock
from app.media import NS_PER_S
from bench.figures import Span, figures_of
from bench.guest import Guest, Record, Wish, all_heard
from bench.processor import ProcessTime, machine_busy_s, process_time
from bench.server import Served
from bench.trial import Trial

SETTLE_S = 5.0  # from the last session's first sound: what comes before does not count
BETWEEN_JOINS_S = 0.3
LAST_SOUND_S = 0.2  # after what counts: so that the last tone's fault is seen whole
FAVOUR = 5  # guests are other machines in truth; where we may, they do not wait for the server


async def run(served: Served, wishes: Sequence[Wish], seconds: float, at_once: bool = False) -> Trial:
    """Let guests join, one by one or at once, watch them for a while, and judge them once they have left."""
    records, span, used = await watch(served, wishes, seconds, at_once)
    sessions = [figures_of(record, span) for record in records]
    return Trial(span.seconds, sessions, used.server, used.guests_s, used.machine_s)


@dataclass(frozen=True, slots=True)
class Used:
    """Processor time so far."""

    server: ProcessTime
    guests_s: float
    machine_s: float

    @classmethod
    def so_far(cls, pid: int) -> Used:
        """Read all clocks."""
        return cls(process_time(pid), process_time(os.getpid()).total_s, machine_busy_s())

    def since(self, before: Used) -> Used:
        """Return what was used since."""
        guests_s, machine_s = self.guests_s - before.guests_s, self.machine_s - before.machine_s
        return Used(self.server.since(before.server), guests_s, machine_s)


async def watch(
    served: Served, wishes: Sequence[Wish], seconds: float, at_once: bool = False, settle_s: float = SETTLE_S
) -> tuple[list[Record], Span, Used]:
    """Return what guests saw, and what it cost in the steady stretch from ``settle_s`` after the last one's voice."""
    clock = MonotonicClock()
    guests = [Guest(served.ws_url, wish, clock) for wish in wishes]
    records = [guest.record for guest in guests]
    with undisturbed():
        try:
            await _join(guests, at_once)
            await all_heard(records, clock)
            await _pause(clock, settle_s)
            begin_ns, before = clock.now_ns(), Used.so_far(served.pid)
            await _pause(clock, seconds)
            span, used = Span(begin_ns, clock.now_ns()), Used.so_far(served.pid).since(before)
            await _pause(clock, LAST_SOUND_S)
        finally:
            await asyncio.gather(*(guest.leave() for guest in guests))
    return records, span, used


async def _join(guests: Sequence[Guest], at_once: bool) -> None:
    if at_once:
        await asyncio.gather(*(guest.join() for guest in guests))
        return
    for guest in guests:
        await guest.join()
        await asyncio.sleep(BETWEEN_JOINS_S)


async def _pause(clock: Clock, seconds: float) -> None:
    await clock.sleep_until(clock.now_ns() + int(seconds * NS_PER_S))


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the garbage collector, and where it is allowed other processes, from making guests late."""
    gc.collect()
    gc.disable()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, own - FAVOUR)
    try:
        yield
    finally:
        gc.enable()
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, own)
