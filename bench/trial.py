"""One run of whole sessions against a running server, and what all of it cost."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.pacer.clock import NS_PER_S, Clock, MonotonicClock
from bench.figures import SessionFigures, Span, figures_of, percentile
from bench.guest import Guest, Record, Wish, all_heard
from bench.processor import ProcessTime, machine_busy_s, process_time
from bench.server import Served

SETTLE_S = 5.0  # from the last session's first sound: what comes before does not count
BETWEEN_JOINS_S = 0.3
LAST_SOUND_S = 0.2  # after what counts: so that the last tone's fault is seen whole
STARVED_MS = 15.0  # a microphone that late is not one: the bench had no time, and its holes say little
ELSEWHERE_CORES = 0.3  # that others may take before a fault is no longer the server's alone
FAVOUR = 5  # guests are other machines in truth; where we may, they do not wait for the server


class Verdict(StrEnum):
    """Whether so many sessions are served well."""

    GOOD = "good"
    BAD = "bad"
    STARVED = "starved"  # the bench was late or lost packets, or the machine had others to serve: nobody can say


@dataclass(frozen=True, slots=True)
class Trial:
    """What N sessions did, in a steady stretch of ``seconds``."""

    seconds: float
    sessions: list[SessionFigures]
    server: ProcessTime
    guests_s: float
    machine_s: float

    @property
    def admitted(self) -> list[SessionFigures]:
        """Return the sessions that were not refused."""
        return [session for session in self.sessions if session.refused is None]

    @property
    def verdict(self) -> Verdict:
        """Judge the admitted sessions; a fault where the bench was late speaks neither for the server nor against."""
        if any(s.excused or s.lost_packets or s.sender_late_p99_ms > STARVED_MS for s in self.admitted):
            return Verdict.STARVED
        if self.admitted and all(session.good for session in self.admitted):
            return Verdict.GOOD
        return Verdict.STARVED if self.elsewhere_cores > ELSEWHERE_CORES else Verdict.BAD

    @property
    def elsewhere_cores(self) -> float:
        """Return what neither the server nor the guests took of the machine."""
        return (self.machine_s - self.server.total_s - self.guests_s) / self.seconds

    @property
    def cores_a_session(self) -> float:
        """Return the server's processor time a second and admitted session."""
        return self.server.total_s / self.seconds / max(1, len(self.admitted))

    def row(self) -> dict[str, Any]:
        """Return a table's row."""
        here, cores = self.admitted, self.server.total_s / self.seconds
        delays = [session.delay_p50_ms for session in here]
        tails = [session.delay_p95_ms for session in here]
        return {
            "sessions": len(self.sessions),
            "admitted": len(here),
            "verdict": str(self.verdict),
            "holes": [session.holes for session in here],
            "hole_ms": percentile([ms for session in here for ms in session.hole_ms], 50),
            "jumps": sum(session.jumps for session in here),
            "fps_min": min((session.fps for session in here), default=0.0),
            "delay_p50": percentile(delays, 50),
            "delay_p95": percentile(tails, 100),
            "kbit_s": percentile([session.kbit_s for session in here], 50),
            "cores": round(cores, 2),
            "per_session": round(self.cores_a_session, 3),
            "guests": round(self.guests_s / self.seconds, 2),
            "elsewhere": round(self.elsewhere_cores, 2),
            "sender_late_p99": max((session.sender_late_p99_ms for session in here), default=0.0),
            "lost": sum(session.lost_packets for session in here),
            "excused": sum(session.excused for session in here),
        }

    def details(self) -> dict[str, Any]:
        """Return what a row leaves out."""
        share = self.seconds * max(1, len(self.admitted))
        groups = {name: round(used / share, 4) for name, used in sorted(self.server.groups_s.items())}
        return {
            "seconds": round(self.seconds, 1),
            "cores_a_session": groups,
            "refusals": [session.refused for session in self.sessions if session.refused is not None],
            "each": [session.plain() for session in self.admitted],
        }


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
