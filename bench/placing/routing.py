"""Which stage Serve's router takes: the better of two by their queue lengths, as far as it remembers them.

After Ray 2.60's ``PowerOfTwoChoicesRequestRouter``: a length is known for ten seconds after the last call to that
stage; one that is not known, or full, is asked for only if the other will not do.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

FIRST_WAIT_S, LONGEST_WAIT_S = 0.025, 0.5


class Routed(Protocol):
    """What a router sees of a stage."""

    @property
    def ongoing(self) -> int:
        """Its requests."""
        ...


Stage = TypeVar("Stage", bound=Routed)


@dataclass(slots=True, eq=False)
class QueueLengths:
    """What one front remembers; at most an entry a stage."""

    keep_s: float
    _known: dict[Routed, tuple[int, float]] = field(default_factory=dict)

    def get(self, stage: Routed, now_s: float) -> int | None:
        """Return a length that is not too old."""
        length, at_s = self._known.get(stage, (0, -self.keep_s))
        return length if now_s - at_s < self.keep_s else None

    def note(self, stage: Routed, length: int, now_s: float) -> None:
        """Take what a stage said."""
        self._known[stage] = (length, now_s)

    def note_sent(self, stage: Routed, now_s: float) -> None:
        """Count a call that goes out; from nothing where nothing is known, as Serve does."""
        self.note(stage, (self.get(stage, now_s) or 0) + 1, now_s)

    def note_end(self, stage: Routed, now_s: float) -> None:
        """Count a call that has ended."""
        length = self.get(stage, now_s)
        if length is not None:
            self.note(stage, max(0, length - 1), now_s)

    def forget(self, stage: Routed) -> None:
        """Drop a stage that is gone."""
        self._known.pop(stage, None)


def choose(
    stages: Sequence[Stage], lengths: QueueLengths, limit: int, now_s: float, dice: random.Random
) -> Stage | None:
    """Return a stage that seems to have room, or None; what had to be asked for is remembered."""
    pair = dice.sample(stages, min(2, len(stages)))
    known = [(lengths.get(stage, now_s), stage) for stage in pair]
    good = [(length, stage) for length, stage in known if length is not None and length < limit]
    asked = [stage for length, stage in known if length is None or length >= limit]
    for stage in asked:
        lengths.note(stage, stage.ongoing, now_s)
    if not good:
        good = [(stage.ongoing, stage) for stage in asked if stage.ongoing < limit]
    return min(good, key=lambda each: each[0])[1] if good else None


def wait_s(attempt: int) -> float:
    """Return how long the router waits before it looks again: 0, 25, 50, … 500 ms."""
    return 0.0 if attempt == 0 else min(FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10), LONGEST_WAIT_S)
