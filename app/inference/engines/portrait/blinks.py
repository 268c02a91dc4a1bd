"""When eyes blink, as a function of time: at human intervals, and where a phrase ends. See ``moment``."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.media import VIDEO_FPS
from app.smoothstep import smoothstep

EPOCH_S = 240  # of which the blinks are drawn together
# intervals are about log-normal, as people's are
MEDIAN_INTERVAL_S, INTERVAL_SIGMA = 3.4, 0.55  # a mean of 4 s
SHORTEST_S, LONGEST_S = 1.2, 12.0
DOUBLES, DOUBLE_AFTER_S = 0.12, 0.40
CLOSING_S, CLOSED_S, OPENING_S = 0.09, 0.04, 0.17
LASTS_S = CLOSING_S + CLOSED_S + OPENING_S

# speakers blink in their pauses (T. Nakano and S. Kitazawa, 2010)
AFTER_PHRASE_S = 0.24  # from a phrase's end to the blink's beginning
APART_S = 1.8  # from the blinks that come anyway: else a phrase's end needs none
YIELD_S = 0.06  # over which that is decided, so that a blink never breaks off


def blink_at(seed: int, position: int, pause_s: float = math.inf) -> float:
    """Return how far the eyes are closed in a slot, 0…1. ``pause_s``: how long ago a phrase ended."""
    seconds = position / VIDEO_FPS
    return max(_blink(seed, seconds), _at_phrase_end(seed, seconds, pause_s))


def closure(since_s: float) -> float:
    """Return how far a lid is closed, 0…1, so long after a blink began: fast down, slower up."""
    if since_s < CLOSING_S + CLOSED_S:
        return _eased(since_s / CLOSING_S)
    return 1 - _eased(((since_s - CLOSING_S - CLOSED_S) / OPENING_S) ** 0.8)


def _blink(seed: int, seconds: float) -> float:
    epoch = math.floor(seconds / EPOCH_S)
    starts = _blinks(seed, epoch)
    since = seconds - epoch * EPOCH_S
    latest = int(np.searchsorted(starts, since, side="right")) - 1
    return closure(since - float(starts[latest])) if latest >= 0 else 0.0


def _at_phrase_end(seed: int, seconds: float, pause_s: float) -> float:
    since = pause_s - AFTER_PHRASE_S
    if not 0 < since < LASTS_S:
        return 0.0
    began = seconds - since
    epoch = math.floor(began / EPOCH_S)
    starts = _blinks(seed, epoch)
    apart = float(np.abs(starts - (began - epoch * EPOCH_S)).min()) if len(starts) else APART_S
    return closure(since) * _eased((apart - APART_S) / YIELD_S + 1)


@lru_cache(maxsize=64)
def _blinks(seed: int, epoch: int) -> NDArray[np.float64]:
    """Return when the blinks of an epoch begin, float64 (n,), seconds, ascending."""
    random = np.random.default_rng((seed, epoch % 2**32))
    most = int(EPOCH_S / SHORTEST_S)
    intervals = MEDIAN_INTERVAL_S * np.exp(INTERVAL_SIGMA * random.standard_normal(most))
    starts = np.cumsum(np.clip(intervals, SHORTEST_S, LONGEST_S))
    starts = starts[starts < EPOCH_S - SHORTEST_S]  # none reaches into the next epoch
    doubled = starts[(random.random(len(starts)) < DOUBLES) & (starts < EPOCH_S - 2 * SHORTEST_S)]
    return np.sort(np.concatenate([starts, doubled + DOUBLE_AFTER_S]))


def _eased(value: float) -> float:
    """Rise from 0 at 0 to 1 at 1, level beyond."""
    return smoothstep(min(1.0, max(0.0, value)))
