"""The small nods of somebody who listens: now and then, as a function of time. See ``moment``."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

EPOCH_S = 240  # of which the nods are drawn together
SHORTEST_S, LONGEST_S = 5.0, 12.0  # from the end of one to the beginning of the next
QUICKEST_S, SLOWEST_S = 0.7, 1.0
LEAST, MOST = math.radians(1.3), math.radians(3.2)
DOUBLES = 0.25  # are followed by a second, smaller one
SECOND = 0.55  # of the first's depth
SKEW = 0.07  # of its time: the head goes down faster than it comes up
FIRST_S = 8.0  # after an epoch's beginning at the latest


def nod_at(seed: int, seconds: float) -> float:
    """Return how far the head is bowed, in radians, 0 between two nods."""
    epoch = math.floor(seconds / EPOCH_S)
    nods = _nods(seed, epoch)
    since = seconds - epoch * EPOCH_S
    latest = int(np.searchsorted(nods[0], since, side="right")) - 1
    if latest < 0:
        return 0.0
    begin, lasts, depth = nods[:, latest]
    return float(depth) * _bow(min(1.0, (since - float(begin)) / float(lasts)))


def _bow(way: float) -> float:
    """Go from 0 to 1 and back, at rest at both ends."""
    return math.sin(math.pi * (way + SKEW * math.sin(math.pi * way) ** 2)) ** 2


@lru_cache(maxsize=64)
def _nods(seed: int, epoch: int) -> NDArray[np.float64]:
    """Return an epoch's nods: float64 (3, n), when each begins, how long it lasts, and how deep it is."""
    random = np.random.default_rng((seed, epoch % 2**32, 1))
    nods: list[tuple[float, float, float]] = []
    now = random.uniform(SHORTEST_S, FIRST_S)
    while now < EPOCH_S - 2 * SLOWEST_S:  # none reaches into the next epoch
        lasts, depth = random.uniform(QUICKEST_S, SLOWEST_S), random.uniform(LEAST, MOST)
        nods.append((now, lasts, depth))
        now += lasts
        if random.random() < DOUBLES:
            nods.append((now, lasts, SECOND * depth))
            now += lasts
        now += random.uniform(SHORTEST_S, LONGEST_S)
    return np.array(nods).T
