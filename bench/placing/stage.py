"""A stage as Serve and itself count it: places, leases, orphans of dead fronts, and their stand-in leases."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from bench.placing.routing import QueueLengths


class Answer(Enum):
    """What a stage says to a call."""

    MADE = auto()
    SERVE_FULL = auto()  # by Serve's count: its router looks on
    FULL = auto()  # by the stage's own count: the front tries again
    DEAD = auto()


@dataclass(slots=True, eq=False)
class Session:
    """One that lives on a stage. ``cache`` belongs to the front that holds its lease; None for an orphan."""

    ends_s: float
    stage: Stage | None = None
    cache: QueueLengths | None = None
    move_by_s: float | None = None


@dataclass(slots=True, eq=False)
class Stage:
    """One replica. At most ``places`` sessions, and at most ``limit`` leases, stand-ins included."""

    places: int
    limit: int
    sessions: dict[Session, None] = field(default_factory=dict)  # in the order in which they came
    stand_ins: list[QueueLengths] = field(default_factory=list)
    draining: bool = False
    alive: bool = True

    @property
    def orphans(self) -> int:
        """Sessions whose lease was lost with a front."""
        return sum(session.cache is None for session in self.sessions)

    @property
    def ongoing(self) -> int:
        """What Serve counts here."""
        return len(self.sessions) - self.orphans + len(self.stand_ins)

    def take(self, session: Session, cache: QueueLengths, now_s: float) -> Answer:
        """Let a session in, if there is a place."""
        if not self.alive:
            return Answer.DEAD
        if self.draining or self.ongoing >= self.limit:
            cache.note(self, self.ongoing, now_s)
            return Answer.SERVE_FULL
        if len(self.sessions) >= self.places:
            if len(self.stand_ins) < self.orphans:
                self.stand_ins.append(cache)
            cache.note(self, self.ongoing, now_s)
            return Answer.FULL
        session.stage, session.cache = self, cache
        self.sessions[session] = None
        cache.note(self, self.ongoing, now_s)
        return Answer.MADE

    def leave(self, session: Session, now_s: float) -> None:
        """End a session here; a stand-in that nobody needs any more ends too."""
        del self.sessions[session]
        lease = session.cache
        session.stage = session.cache = None
        if lease is None and len(self.stand_ins) > self.orphans:
            lease = self.stand_ins.pop()
        if lease is not None:
            lease.note_end(self, now_s)

    def forget_front(self, cache: QueueLengths) -> None:
        """Lose a dead front's leases: its sessions live on as orphans."""
        self.stand_ins = [each for each in self.stand_ins if each is not cache]
        for session in self.sessions:
            if session.cache is cache:
                session.cache = None
