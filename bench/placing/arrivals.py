"""Who comes when, and for how long: the same for the same seed, in a simulation as against a real cluster."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge

from bench.placing.plan import DAY_S, Visitors


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """Somebody who wants a session."""

    at_s: float
    length_s: float
    of_crowd: bool = False


def arrivals(visitors: Visitors, seconds: float, seed: int) -> Iterator[Arrival]:
    """Yield all who come within ``seconds``, in their order."""
    return merge(_stream(visitors, seconds, seed), _crowd(visitors, seconds, seed))


def rate_at(visitors: Visitors, at_s: float) -> float:
    """Return how many come a second at a time of the day; it begins at its mean, and rises."""
    return visitors.rate * (1 + visitors.swing * math.sin(2 * math.pi * at_s / DAY_S))


def length_s(visitors: Visitors, dice: random.Random) -> float:
    """Draw how long a session lasts."""
    if not visitors.sigma:
        return dice.expovariate(1 / visitors.mean_s)
    # a log-normal's mean is exp(mu + sigma² / 2)
    return dice.lognormvariate(math.log(visitors.mean_s) - visitors.sigma**2 / 2, visitors.sigma)


def _stream(visitors: Visitors, seconds: float, seed: int) -> Iterator[Arrival]:
    """Thin a steady stream at the day's highest rate (Lewis and Shedler, 1979)."""
    if not visitors.rate:
        return
    dice = random.Random(f"stream {seed}")
    highest = visitors.rate * (1 + visitors.swing)
    at_s = dice.expovariate(highest)
    while at_s < seconds:
        length = length_s(visitors, dice)
        if dice.random() * highest < rate_at(visitors, at_s):
            yield Arrival(at_s, length)
        at_s += dice.expovariate(highest)


def _crowd(visitors: Visitors, seconds: float, seed: int) -> Iterator[Arrival]:
    """Let a crowd come within a second."""
    dice = random.Random(f"crowd {seed}")
    times = sorted(visitors.crowd_at_s + dice.random() for _ in range(visitors.crowd))
    yield from (Arrival(at_s, length_s(visitors, dice), of_crowd=True) for at_s in times if at_s < seconds)
