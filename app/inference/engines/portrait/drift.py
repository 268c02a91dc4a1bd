"""Slow noises, each a sum of a few sines whose periods share nothing: smooth, without drift, at any moment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

WAVES = 5
HZ = (0.045, 0.45)
COUNT = 9


@dataclass(frozen=True, slots=True)
class Noises:
    """Some of them, −1…1. float64 (COUNT, WAVES) each."""

    radians_per_s: NDArray[np.float64]
    phases: NDArray[np.float64]
    amplitudes: NDArray[np.float64]

    def at(self, seconds: float) -> list[float]:
        """Return all of them at a moment."""
        sums = (np.sin(self.radians_per_s * seconds + self.phases) * self.amplitudes).sum(axis=1)
        return [float(value) for value in np.tanh(sums)]


@lru_cache(maxsize=64)
def noises(seed: int) -> Noises:
    """Draw a seed's noises."""
    random = np.random.default_rng(seed)
    low, high = np.log(HZ[0]), np.log(HZ[1])
    hz = np.exp(low + (high - low) * (np.arange(WAVES) + random.random((COUNT, WAVES))) / WAVES)
    amplitudes = hz**-0.6
    phases = math.tau * random.random((COUNT, WAVES))
    return Noises(math.tau * hz, phases, 1.5 * amplitudes / amplitudes.sum(axis=1, keepdims=True))
