"""How strongly somebody speaks, as a smooth value that the head follows."""

from __future__ import annotations

from functools import cache

import numpy as np

from app.inference.features.loudness import QUIETEST_PEAK_DB, ramp
from app.media import FloatArray

LOUD_RANGE_DB = 18.0  # below the loudest, from where a column begins to count
PRESENT_DB = 14.0  # above the quietest that is heard, from where a voice counts fully
SECOND = 85  # columns that are read, the last
STEPS = 1024  # to which it is rounded: mel's last bits, which depend on the chunks, move no pixel


def emphasis_of(power: FloatArray) -> float:
    """Return 0…1 from the power of speech, float32 (columns,), in the last second.

    Each column counts by its loudness, relative to the second's loudest, and by its age: most at a third of a second,
    nothing when it comes or goes. So the value moves smoothly, whatever the voice does.
    """
    power = power[-SECOND:]
    if not len(power):
        return 0.0
    come, whole = _weights(len(power))
    loudest_db = float(5 * np.log10(np.square(power) @ whole))  # the loudest dominate this mean, and it has no corner
    loud = np.clip((10 * np.log10(power) - loudest_db) / LOUD_RANGE_DB + 1, 0, 1)
    present = ramp(loudest_db, QUIETEST_PEAK_DB, QUIETEST_PEAK_DB + PRESENT_DB)
    return round(float(np.square(loud) @ come) * present * STEPS) / STEPS


@cache
def _weights(columns: int) -> tuple[FloatArray, FloatArray]:
    """Return float32 (columns,) twice, each of sum 1: how much a column counts now, and in the whole second."""
    age = (columns - np.arange(columns) - 0.5) / columns
    come, whole = age**2 * (1 - age) ** 4, np.sin(np.pi * age) ** 2
    return (come / come.sum()).astype(np.float32), (whole / whole.sum()).astype(np.float32)
