"""What pictures cost on this machine, learnt while it works."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from itertools import islice, takewhile

from app.i420 import size_of
from app.inference.engine import Engine, Prepared
from app.media import NS_PER_S

RECENT = 256  # batches: a second or two, so that who asks at a lucky moment is judged like the others
LATEST = 32  # of them: a single stall among them counts for nothing
LATELY_NS = 2 * NS_PER_S  # who cannot wait is ready for the worst that was seen in so long
FRESH_NS = 8 * NS_PER_S  # what is older says nothing of the machine as it is
ENOUGH = 8  # fresh batches, to believe them
STALLS = 10  # one in so many may be


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
        width, height = size_of(prepared.idle_frame(0))
        return cls(engine.name, width, height, prepared.idle_motion is not None, prepared.moving)


@dataclass(frozen=True, slots=True)
class _Batch:
    at_ns: int
    wall_ns: float  # a picture
    work_ns: float


UNKNOWN = _Batch(0, 0, 0)


class EngineCost:
    """The inference thread's time for a picture that speaks, by kind. Written on that thread, read anywhere.

    *Wall* time says how soon a picture is there, beside all that the machine does, and how long the thread can draw no
    other. *Work* is processor time: what it takes from the machine, whoever else wants it. After a rush both are again
    what they were at best.
    """

    def __init__(self) -> None:
        self._recent: dict[CostKey, deque[_Batch]] = {}
        self._best: dict[CostKey, _Batch] = {}
        self._wall_ns: dict[CostKey, int] = {}
        self._worst_ns: dict[CostKey, int] = {}
        self._lasting_ns: dict[CostKey, int] = {}

    def wall_ns(self, key: CostKey) -> int:
        """Return the median of the latest batches, ns a picture; 0 while nothing has been drawn."""
        return self._wall_ns.get(key, 0)

    def worst_ns(self, key: CostKey) -> int:
        """Return the most that a batch took of late, ns a picture; 0 while nothing has been drawn."""
        return self._worst_ns.get(key, 0)

    def lasting_ns(self, key: CostKey) -> int:
        """Return what pictures take since two in a row took so long, or most: ns; 0 while there were not two.

        A single stall is none of an engine's cost.
        """
        return self._lasting_ns.get(key, 0)

    def busy_ns(self, key: CostKey, now_ns: int) -> int:
        """Return the mean wall time of fresh batches but for stalls, ns a picture: what many of them add up to."""
        fresh = self._fresh(key, now_ns)
        if not fresh:
            return int(self._best.get(key, UNKNOWN).wall_ns)
        usual = sorted(batch.wall_ns for batch in fresh)[: len(fresh) - len(fresh) // STALLS]
        return int(statistics.fmean(usual))

    def work_ns(self, key: CostKey, now_ns: int) -> int:
        """Return the median of fresh batches, ns a picture."""
        fresh = self._fresh(key, now_ns)
        if not fresh:
            return int(self._best.get(key, UNKNOWN).work_ns)
        return int(statistics.median(batch.work_ns for batch in fresh))

    def note(self, key: CostKey, frames: int, wall_ns: int, work_ns: int, now_ns: int) -> None:
        """Record a batch of pictures that all speak: silence costs nothing, and must not make an engine look cheap."""
        recent = self._recent.setdefault(key, deque(maxlen=RECENT))
        recent.append(_Batch(now_ns, wall_ns / frames, work_ns / frames))
        latest = list(islice(reversed(recent), LATEST))
        wall = statistics.median(batch.wall_ns for batch in latest)
        self._wall_ns[key] = int(wall)
        lately = takewhile(lambda batch: now_ns - batch.at_ns < LATELY_NS, reversed(recent))
        self._worst_ns[key] = int(max(batch.wall_ns for batch in lately))
        if len(latest) > 1:
            self._lasting_ns[key] = int(max(wall, min(batch.wall_ns for batch in latest[:2])))
        if len(recent) >= ENOUGH:
            work = statistics.median(batch.work_ns for batch in latest)
            best = self._best.get(key, _Batch(now_ns, wall, work))
            self._best[key] = _Batch(now_ns, min(best.wall_ns, wall), min(best.work_ns, work))

    def knows(self, key: CostKey) -> bool:
        """Whether enough was drawn to say."""
        return key in self._best

    def forget(self, key: CostKey) -> None:
        """Start over, after a warm-up."""
        self._recent.pop(key, None)
        self._best.pop(key, None)
        self._wall_ns.pop(key, None)
        self._worst_ns.pop(key, None)
        self._lasting_ns.pop(key, None)

    def _fresh(self, key: CostKey, now_ns: int) -> list[_Batch]:
        """Return the batches to believe; none where they are too few."""
        recent = tuple(self._recent.get(key, ()))  # a copy: the thread may be adding to it
        fresh = [batch for batch in recent if now_ns - batch.at_ns < FRESH_NS]
        return fresh if len(fresh) >= ENOUGH else []
