"""How a head is held: for a second or some, then it moves on, as a function of time. See ``moment``.

A head in conversation does not swing: it rests, and shifts. Each shift is as smooth as a limb's (minimum jerk: T. Flash
and N. Hogan, 1985), and takes the longer the wider it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

EPOCH_S = 240  # of which the shifts are drawn together; it begins and ends level
MEDIAN_HOLD_S, HOLD_SIGMA = 0.9, 0.7  # between two shifts
SHORTEST_S, LONGEST_S = 0.25, 5.0
SHIFT_S, SHIFT_S_A_DEGREE = 0.34, 0.055  # how long one takes
SLOWER = (0.85, 1.4)
# yaw, pitch, roll, in degrees
SPREAD = np.array([2.7, 1.7, 1.3])
MOST = np.array([6.0, 4.0, 3.5])
SMALL, SMALL_SHARE = 0.3, 0.4  # of the spread; of all shifts, which only adjust
STAYS = 0.35  # of where it was
LEANS = 0.18  # of the yaw, that the head tilts with it


@dataclass(frozen=True, slots=True)
class _Shifts:
    """``begins``, ``lasts``: float64 (n,), seconds. ``to``: float64 (n + 1, 3), radians, ``to[0]`` before the first."""

    begins: NDArray[np.float64]
    lasts: NDArray[np.float64]
    to: NDArray[np.float64]


def held_at(seed: int, seconds: float) -> tuple[float, float, float]:
    """Return yaw, pitch and roll, radians."""
    epoch = math.floor(seconds / EPOCH_S)
    shifts = _shifts(seed, epoch)
    since = seconds - epoch * EPOCH_S
    latest = int(np.searchsorted(shifts.begins, since, side="right")) - 1
    if latest < 0:
        return 0.0, 0.0, 0.0
    t = min(1.0, (since - float(shifts.begins[latest])) / float(shifts.lasts[latest]))
    way = t**3 * (t * (6 * t - 15) + 10)
    before, after = shifts.to[latest], shifts.to[latest + 1]
    yaw, pitch, roll = before + (after - before) * way
    return float(yaw), float(pitch), float(roll)


@lru_cache(maxsize=64)
def _shifts(seed: int, epoch: int) -> _Shifts:
    random = np.random.default_rng((seed, epoch % 2**32, 2))
    begins, lasts, to = [], [], [np.zeros(3)]
    now = float(random.uniform(0.2, 1.5))
    while now < EPOCH_S - 2 * LONGEST_S:  # none reaches into the next epoch
        target = _next(to[-1], random)
        begins.append(now)
        lasts.append(_duration(to[-1], target, random))
        to.append(target)
        hold = MEDIAN_HOLD_S * math.exp(HOLD_SIGMA * random.standard_normal())
        now += lasts[-1] + min(LONGEST_S, max(SHORTEST_S, hold))
    begins.append(now)
    lasts.append(_duration(to[-1], np.zeros(3), random))
    to.append(np.zeros(3))
    return _Shifts(np.array(begins), np.array(lasts), np.radians(np.array(to)))


def _next(held: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Draw where the head goes from where it is held; degrees."""
    step = SPREAD * random.standard_normal(3)
    if random.random() < SMALL_SHARE:
        return np.asarray(np.clip(held + SMALL * step, -MOST, MOST))
    target = STAYS * held + step
    target[2] += LEANS * target[0]
    return np.asarray(np.clip(target, -MOST, MOST))


def _duration(before: NDArray[np.float64], after: NDArray[np.float64], random: np.random.Generator) -> float:
    wide = float(np.linalg.norm(after - before))
    return (SHIFT_S + SHIFT_S_A_DEGREE * wide) * float(random.uniform(*SLOWER))
