"""How strongly somebody speaks, smoothly: what the head follows."""

from __future__ import annotations

from functools import cache

import numpy as np

from app.inference.features.loudness import QUIETEST_PEAK_DB, ramp
from app.media import FloatArray

LOUD_RANGE_DB = 18.0  # below the loudest: from none to full
PRESENT_DB = 14.0  # over which a voice counts fully, from the quietest that is heard
STEPS = 1024  # so that the last bits of mel, which depend on how the sound was cut, move no pixel


def emphasis_of(power: FloatArray) -> float:
    """Return 0…1 from the power of speech, float32 (columns,), in about a second that ends now.

    Each column's loudness, against the second's loudest, counts by its age: none as it comes and as it goes, most
    after a third of a second. So the value moves smoothly, whatever the voice does.
    """
    if not len(power):
        return 0.0
    come, whole = _weights(len(power))
    loudest_db = float(5 * np.log10(np.square(power) @ whole))  # a mean that the loudest dominate, without a corner
    loud = np.clip((10 * np.log10(power) - loudest_db) / LOUD_RANGE_DB + 1, 0, 1)
    present = ramp(loudest_db, QUIETEST_PEAK_DB, QUIETEST_PEAK_DB + PRESENT_DB)
    return round(float(np.square(loud) @ come) * present * STEPS) / STEPS


@cache
def _weights(columns: int) -> tuple[FloatArray, FloatArray]:
    """Return float32 (columns,) twice, each of sum 1: how much a column counts now, and in the whole second."""
    age = (columns - np.arange(columns) - 0.5) / columns
    come, whole = age**2 * (1 - age) ** 4, np.sin(np.pi * age) ** 2
    return (come / come.sum()).astype(np.float32), (whole / whole.sum()).astype(np.float32)
