"""What a head does by itself: breath, sway, and the nods of who listens, as a function of time.

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
    """How a head is held. ``breath``: −1 (out) … 1 (in).

    ``dx``, ``dy``: to the right and down, in widths of the face. ``roll``, ``nod``: radians, clockwise and forwards.
    """

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


def moment(seed: int, position: int, emphasis: float) -> Moment:
    """Return how the face is held in slot ``position``, 25 a second; ``emphasis`` 0…1 says how it speaks."""
    seconds = position / VIDEO_FPS
    awake = _eased(seconds / AWAKENING_S)
    listening = 1 - _eased(emphasis / SPEAKING)
    steadier = 1 - ATTENTIVE * listening
    across, along, turn, lean, breath = _ways(seed)
    sway = awake * SWAY * (1 + LIVELIER * emphasis) * steadier
    return Moment(
        breath=awake * _breath(seconds, breath.phases),
        dx=sway * across.at(seconds),
        dy=sway * along.at(seconds) - awake * RAISE * emphasis,
        roll=awake * (ROLL * steadier * turn.at(seconds) + LEAN * emphasis * lean.at(seconds)),
        nod=awake * listening * nods.nod_at(seed, seconds),
    )


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
