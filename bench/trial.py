"""What one run of whole sessions showed and cost, and whether it was good."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bench.figures import SessionFigures, percentile
from bench.processor import ProcessTime

STARVED_MS = 15.0  # a microphone that late is not one: the bench had no time, and its holes say little
ELSEWHERE_CORES = 0.3  # that others may take before a fault is no longer the server's alone


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

    def info(self) -> dict[str, Any]:
        """Return what a row leaves out."""
        share = self.seconds * max(1, len(self.admitted))
        groups = {name: round(used / share, 4) for name, used in sorted(self.server.groups_s.items())}
        return {
            "seconds": round(self.seconds, 1),
            "cores_a_session": groups,
            "refusals": [session.refused for session in self.sessions if session.refused is not None],
            "each": [session.plain() for session in self.admitted],
        }
