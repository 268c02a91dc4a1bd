"""Where a face looks, as a function of time: at you most of the time, and away for moments. See ``moment``.

Shares and lengths are those of "Eyes Alive" (S. Lee, J. Badler and N. Badler, 2002): who talks looks at the other for
3.1 s and away for 0.9 s in the mean, who listens for 7.9 s and 0.4 s. Saccades keep to the main sequence: so long as
R. Carpenter (Movements of the Eyes, 1988) gives, 21 ms and 2.2 ms a degree. Between two glances the eyes rest on the
other's eyes and mouth in turn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.smoothstep import smoothstep

EPOCH_S = 240  # of which the glances are drawn together
FARTHEST = 8.0  # degrees to each side
WITH_YOU_S, AWAY_S = 3.1, 0.93  # means, of who talks
SHORTEST_WITH_YOU_S, SHORTEST_AWAY_S, LONGEST_AWAY_S = 0.8, 0.25, 2.4
LISTENING = 0.45  # of the glances away, that who listens makes too,
BRIEFER = 0.47  # each so much shorter
ATTENDING = 0.5  # of those, where it shows that it listens
LEAST, MEAN_MORE = 2.5, 2.4  # degrees, of a glance away
# in eight directions from the right on, clockwise: shares of each, as there
DIRECTIONS = (15.5, 7.8, 20.4, 7.9, 16.8, 7.4, 17.7, 6.5)
FLATTER = 0.6  # of that, up and down: there lids and head do a part
# what is looked at in a face, degrees from its middle, and for how long
TARGETS = ((-0.9, -0.4), (0.9, -0.4), (0.1, 1.0))
FIXATION_S, FIXATION_SIGMA = 0.75, 0.5
SACCADE_S, SACCADE_S_A_DEGREE = 0.021, 0.0022
UNSURE = 0.10  # of the shares, over which a glance sets in as the talking does


@dataclass(frozen=True, slots=True)
class Gaze:
    """Where eyes look: degrees from the viewer, to the picture's right and down."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class _Fixations:
    """Where eyes rest on the viewer: float64 (n,), when each begins, and (n, 2), degrees."""

    begins: NDArray[np.float64]
    places: NDArray[np.float64]


def gaze_at(seed: int, seconds: float, talking: float, attending: float = 0.0) -> Gaze:
    """Return where the eyes look. ``talking``, ``attending``: 0…1, who does neither just listens."""
    epoch = math.floor(seconds / EPOCH_S)
    since = seconds - epoch * EPOCH_S
    x, y = _with_you(_fixations(seed, epoch), since)
    glances = _glances(seed, epoch)
    latest = int(np.searchsorted(glances[0], since, side="right")) - 1
    if latest < 0:
        return Gaze(x, y)
    began, lasts, away_x, away_y, rank = (float(value) for value in glances[:, latest])
    share = (LISTENING + (1 - LISTENING) * talking) * (1 - (1 - ATTENDING) * attending * (1 - talking))
    made = _eased((share - rank) / UNSURE + 0.5)
    ends = began + lasts * (BRIEFER + (1 - BRIEFER) * talking)
    way = made * (
        _saccade(since - began, math.hypot(away_x, away_y)) - _saccade(since - ends, math.hypot(away_x, away_y))
    )
    return Gaze(x + (away_x - x) * way, y + (away_y - y) * way)


def _with_you(fixations: _Fixations, since: float) -> tuple[float, float]:
    latest = int(np.searchsorted(fixations.begins, since, side="right")) - 1
    here = fixations.places[latest]
    before = fixations.places[max(0, latest - 1)]
    step = here - before
    way = _saccade(since - float(fixations.begins[latest]), math.hypot(*step))
    return float(before[0] + step[0] * way), float(before[1] + step[1] * way)


def _saccade(since_s: float, degrees: float) -> float:
    """Return how much of a saccade is done so long after it began: 0…1."""
    return _eased(since_s / (SACCADE_S + SACCADE_S_A_DEGREE * degrees))


@lru_cache(maxsize=64)
def _glances(seed: int, epoch: int) -> NDArray[np.float64]:
    """Return an epoch's glances away: float64 (5, n), when each begins, how long it lasts, x and y, and its rank.

    Ranks are 0…1: the lowest are made by who listens too.
    """
    random = np.random.default_rng((seed, epoch % 2**32, 2))
    chances = np.array(DIRECTIONS) / sum(DIRECTIONS)
    glances: list[tuple[float, float, float, float, float]] = []
    now = SHORTEST_WITH_YOU_S + random.exponential(WITH_YOU_S - SHORTEST_WITH_YOU_S)
    while now < EPOCH_S - LONGEST_AWAY_S - 1:  # none reaches into the next epoch
        lasts = min(LONGEST_AWAY_S, SHORTEST_AWAY_S + random.exponential(AWAY_S - SHORTEST_AWAY_S))
        angle = math.tau / 8 * (random.choice(8, p=chances) + random.uniform(-0.4, 0.4))
        far = min(FARTHEST, LEAST + random.exponential(MEAN_MORE))
        glances.append((now, lasts, far * math.cos(angle), FLATTER * far * math.sin(angle), random.random()))
        now += lasts + SHORTEST_WITH_YOU_S + random.exponential(WITH_YOU_S - SHORTEST_WITH_YOU_S)
    return np.array(glances).T


@lru_cache(maxsize=64)
def _fixations(seed: int, epoch: int) -> _Fixations:
    random = np.random.default_rng((seed, epoch % 2**32, 3))
    count = int(2 * EPOCH_S / FIXATION_S)
    lasts = FIXATION_S * np.exp(FIXATION_SIGMA * random.standard_normal(count))
    begins = np.concatenate([[0.0], np.cumsum(np.clip(lasts, 0.2, 3.0))])
    places = np.array(TARGETS)[random.integers(0, len(TARGETS), len(begins))]
    places += random.normal(0, 0.15, places.shape)
    places[0] = 0  # an epoch begins and ends with the middle
    last = int(np.searchsorted(begins, EPOCH_S - 0.2))
    begins, places = begins[: last + 1], places[: last + 1]
    begins[-1], places[-1] = EPOCH_S - 0.2, 0
    return _Fixations(begins, places)


def _eased(value: float) -> float:
    return smoothstep(min(1.0, max(0.0, value)))
