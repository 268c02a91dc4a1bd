"""How strongly somebody speaks, as two smooth values that the head follows."""

from __future__ import annotations

from functools import cache

import numpy as np

from app.emphasis import CALM, Emphasis
from app.inference.features.loudness import QUIETEST_PEAK_DB, ramp
from app.media import FloatArray

LOUD_RANGE_DB = 18.0  # below the loudest, from where a column begins to count
PRESENT_DB = 14.0  # above the quietest that is heard, from where a voice counts fully
QUICK = 0.5  # of the second's end, in which a syllable stands out
SECOND = 85  # columns that are read, the last
STEPS = 1024  # to which both are rounded: mel's last bits, which depend on the chunks, move no pixel


def emphasis_of(power: FloatArray) -> Emphasis:
    """Read it from the power of speech, float32 (columns,), in the last second.

    Each column counts by its loudness, relative to the second's loudest, and by its age: most at a third of a second,
    and for what is quick at a quarter; nothing when it comes or goes. So both move smoothly, whatever the voice does.
    """
    power = power[-SECOND:]
    if not len(power):
        return CALM
    come, quick, whole = _weights(len(power))
    loudest_db = float(5 * np.log10(np.square(power) @ whole))  # the loudest dominate this mean, and it has no corner
    loud = np.square(np.clip((10 * np.log10(power) - loudest_db) / LOUD_RANGE_DB + 1, 0, 1))
    present = ramp(loudest_db, QUIETEST_PEAK_DB, QUIETEST_PEAK_DB + PRESENT_DB)
    return Emphasis(_rounded(float(loud @ come) * present), _rounded(float(loud @ quick) * present))


def _rounded(value: float) -> float:
    return round(value * STEPS) / STEPS


@cache
def _weights(columns: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return float32 (columns,) each, of sum 1: how much a column counts by now, just now, and in the whole second."""
    age = (columns - np.arange(columns) - 0.5) / columns
    come, quick = age**2 * (1 - age) ** 4, np.where(age < QUICK, np.sin(np.pi * np.minimum(age / QUICK, 1)) ** 2, 0)
    whole = np.sin(np.pi * age) ** 2
    come, quick, whole = ((each / each.sum()).astype(np.float32) for each in (come, quick, whole))
    return come, quick, whole
