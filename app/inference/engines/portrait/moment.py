"""What a face does by itself: blinks, breath, sway, and the nods of who listens, as a function of time.

Pure and without memory: any moment of an endless clock can be asked for, in any order, and has one answer. The noise
is a sum of a few slow sines, so that it holds the intended frequencies alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait import nods
from app.media import VIDEO_FPS, FloatArray
from app.smoothstep import smoothstep

AWAKENING_S = 2.0  # the first picture is the portrait itself; from there motion sets in

# Blinks: intervals are about log-normal, as people's are
EPOCH_S = 240  # of which the blinks are drawn together
MEDIAN_INTERVAL_S, INTERVAL_SIGMA = 3.4, 0.55  # a mean of 4 s
SHORTEST_S, LONGEST_S = 1.2, 12.0
DOUBLES, DOUBLE_AFTER_S = 0.12, 0.40
CLOSING_S, CLOSED_S, OPENING_S = 0.09, 0.04, 0.17

BREATH_S = 4.1
SWAY_HZ = (0.045, 0.30)
SWAY_WAVES = 5
SWAY = 0.008  # of the face's width, to each side
ROLL = math.radians(0.6)
RAISE = 0.009  # of the face's width, by which full emphasis raises the head
LEAN = math.radians(0.35)
LIVELIER = 0.4  # more sway at full emphasis
ATTENTIVE = 0.3  # less of it in who listens: their head stays with whom they look at
SPEAKING = 0.25  # emphasis from which a face only speaks

# the most of each: dx, dy, roll, breath, nod. float32 (5,)
MOST: FloatArray = np.array(
    [(1 + LIVELIER) * SWAY, (1 + LIVELIER) * SWAY + RAISE, ROLL + LEAN, 1.0, nods.MOST], np.float32
)


@dataclass(frozen=True, slots=True)
class Moment:
    """How a face is held. ``blink``: 0 (open) … 1 (closed). ``breath``: −1 (out) … 1 (in).

    ``dx``, ``dy``: to the right and down, in widths of the face. ``roll``, ``nod``: radians, clockwise and forwards.
    """

    blink: float
    breath: float
    dx: float
    dy: float
    roll: float
    nod: float


@dataclass(frozen=True, slots=True)
class _Waves:
    """A sum of sines, −1…1. float64 (SWAY_WAVES,) each."""

    radians_per_s: NDArray[np.float64]
    phases: NDArray[np.float64]
    amplitudes: NDArray[np.float64]

    def at(self, seconds: float) -> float:
        return math.tanh(float(np.sin(self.radians_per_s * seconds + self.phases) @ self.amplitudes))


def blink_at(seed: int, position: int) -> float:
    """Return how far the eyes are closed in a slot, 0…1."""
    return _blink(seed, position / VIDEO_FPS)


def moment(seed: int, position: int, emphasis: float) -> Moment:
    """Return how the face is held in slot ``position``, 25 a second; ``emphasis`` 0…1 says how it speaks."""
    seconds = position / VIDEO_FPS
    awake = _eased(seconds / AWAKENING_S)
    listening = 1 - _eased(emphasis / SPEAKING)
    steadier = 1 - ATTENTIVE * listening
    across, along, turn, lean, breath = _ways(seed)
    sway = awake * SWAY * (1 + LIVELIER * emphasis) * steadier
    return Moment(
        blink=_blink(seed, seconds),
        breath=awake * _breath(seconds, breath.phases),
        dx=sway * across.at(seconds),
        dy=sway * along.at(seconds) - awake * RAISE * emphasis,
        roll=awake * (ROLL * steadier * turn.at(seconds) + LEAN * emphasis * lean.at(seconds)),
        nod=awake * listening * nods.nod_at(seed, seconds),
    )


def _blink(seed: int, seconds: float) -> float:
    epoch = math.floor(seconds / EPOCH_S)
    starts = _blinks(seed, epoch)
    since = seconds - epoch * EPOCH_S
    latest = int(np.searchsorted(starts, since, side="right")) - 1
    return closure(since - float(starts[latest])) if latest >= 0 else 0.0


def closure(since_s: float) -> float:
    """Return how far a lid is closed, 0…1, so long after a blink began: fast down, slower up."""
    if since_s < CLOSING_S + CLOSED_S:
        return _eased(since_s / CLOSING_S)
    return 1 - _eased(((since_s - CLOSING_S - CLOSED_S) / OPENING_S) ** 0.8)


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


def _breath(seconds: float, phases: NDArray[np.float64]) -> float:
    """Return −1…1 with a period that wanders between about 3.5 and 5 s."""
    wander = 0.5 * math.sin(math.tau * seconds / 17 + phases[0]) + 0.35 * math.sin(math.tau * seconds / 29 + phases[1])
    turn = math.tau * seconds / BREATH_S + phases[2] + wander
    return math.sin(turn + 0.25 * math.sin(turn))  # in a little faster than out


@lru_cache(maxsize=64)
def _ways(seed: int) -> tuple[_Waves, ...]:
    """Draw the seed's slow noises: across, along, turn, lean, breath."""
    random = np.random.default_rng(seed)
    low, high = np.log(SWAY_HZ[0]), np.log(SWAY_HZ[1])
    ways = []
    for _ in range(5):
        hz = np.exp(low + (high - low) * (np.arange(SWAY_WAVES) + random.random(SWAY_WAVES)) / SWAY_WAVES)
        amplitudes = hz**-0.6
        ways.append(
            _Waves(math.tau * hz, math.tau * random.random(SWAY_WAVES), 1.5 * amplitudes / float(amplitudes.sum()))
        )
    return tuple(ways)


def _eased(value: float) -> float:
    """Rise from 0 at 0 to 1 at 1, level beyond."""
    return smoothstep(min(1.0, max(0.0, value)))
