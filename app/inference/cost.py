"""What pictures cost on this machine, learnt while it works."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass

from app.i420 import size_of
from app.inference.engine import Engine, Prepared
from app.media import NS_PER_S

RECENT = 32  # batches: a single stall among them counts for nothing
FRESH_NS = 8 * NS_PER_S  # what is older says nothing of the machine as it is
ENOUGH = 8  # fresh batches, to believe them


@dataclass(frozen=True, slots=True)
class CostKey:
    """What decides how dear a picture is. ``alive``: it blinks, breathes and sways. ``moving``: it is a video's."""

    engine: str
    width: int
    height: int
    alive: bool
    moving: bool

    @classmethod
    def of(cls, engine: Engine, prepared: Prepared) -> CostKey:
        """Name the kind of work that an avatar is for an engine."""
        width, height = size_of(prepared.rest(0))
        return cls(engine.name, width, height, prepared.life is not None, prepared.moving)


@dataclass(frozen=True, slots=True)
class _Batch:
    at_ns: int
    wall_ns: float  # a picture
    work_ns: float


class EngineCost:
    """The inference thread's time for a picture that speaks, by kind. Written on that thread, read anywhere.

    *Wall* time says how soon a picture is there, beside all that the machine does. *Work* is processor time: what it
    takes from the machine, whoever else wants it; after a rush it is again what it was at best.
    """

    def __init__(self) -> None:
        self._recent: dict[CostKey, deque[_Batch]] = {}
        self._best_work_ns: dict[CostKey, float] = {}

    def wall_ns(self, key: CostKey) -> int:
        """Return the median of the latest batches, ns a picture; 0 while nothing has been drawn."""
        recent = tuple(self._recent.get(key, ()))  # a copy: the thread may be adding to it
        return int(statistics.median(batch.wall_ns for batch in recent)) if recent else 0

    def work_ns(self, key: CostKey, now_ns: int) -> int:
        """Return the median of fresh batches, ns a picture; without them the best there was; 0 while unknown."""
        fresh = [batch.work_ns for batch in tuple(self._recent.get(key, ())) if now_ns - batch.at_ns < FRESH_NS]
        if len(fresh) < ENOUGH:
            return int(self._best_work_ns.get(key, 0))
        return int(statistics.median(fresh))

    def note(self, key: CostKey, frames: int, wall_ns: int, work_ns: int, now_ns: int) -> None:
        """Record a batch of pictures that all speak: silence costs nothing, and must not make an engine look cheap."""
        recent = self._recent.setdefault(key, deque(maxlen=RECENT))
        recent.append(_Batch(now_ns, wall_ns / frames, work_ns / frames))
        if len(recent) >= ENOUGH:
            median = statistics.median(batch.work_ns for batch in recent)
            self._best_work_ns[key] = min(self._best_work_ns.get(key, median), median)

    def knows(self, key: CostKey) -> bool:
        """Whether enough was drawn to say."""
        return key in self._best_work_ns

    def forget(self, key: CostKey) -> None:
        """Start over, after a warm-up."""
        self._recent.pop(key, None)
        self._best_work_ns.pop(key, None)
