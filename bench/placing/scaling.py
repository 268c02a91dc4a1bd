"""How many stages Serve wants: leases over a while, by the target, after a delay. Pure but for what it remembers."""

from __future__ import annotations

import math
from collections import deque

from bench.placing.plan import Stages


class Scaler:
    """``want`` is called at every look; it keeps the looks of ``look_back_s``."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._seen = deque[tuple[float, int]]()
        self._told: tuple[float, float] | None = None  # when, and the mean
        self._since_s: float | None = None
        self._direction = 0

    def want(self, now_s: float, requests: int, wanted: int, up: int) -> int:
        """Return how many stages there are to be, where ``wanted`` were, and ``up`` are.

        ``requests`` are those that go on or wait: who was refused is not seen.
        """
        self._seen.append((now_s, requests))
        while self._seen[0][0] <= now_s - self._stages.look_back_s:
            self._seen.popleft()
        if self._told is None or now_s - self._told[0] >= self._stages.told_s:
            self._told = now_s, sum(count for _, count in self._seen) / len(self._seen)
        needed = self._told[1] / (self._stages.target * self._stages.most_ongoing)
        if needed > up > 0:
            needed = up + self._stages.up_factor * (needed - up)
        desired = min(max(math.ceil(needed), self._stages.least), self._stages.most)
        direction = (desired > wanted) - (desired < wanted)
        if direction != self._direction or direction == 0:
            self._direction, self._since_s = direction, now_s
        delay_s = self._stages.up_s if direction > 0 else self._stages.down_s
        if direction == 0 or self._since_s is None or now_s - self._since_s < delay_s:
            return wanted
        self._direction, self._since_s = 0, None
        return desired
