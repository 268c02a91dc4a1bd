"""How strongly somebody speaks, as two smooth values that the head follows; and what is stressed, for the brows."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from app.emphasis import CALM, Emphasis
from app.inference.engines.portrait.compiled import compiled
from app.inference.features.loudness import QUIETEST_PEAK_DB, ramp
from app.inference.features.mel import COLUMNS_PER_SECOND
from app.media import FloatArray
from app.smoothstep import smoothstep

LOUD_RANGE_DB = 18.0  # below the loudest, from where a column begins to count
PRESENT_DB = 14.0  # above the quietest that is heard, from where a voice counts fully
QUICK = 0.5  # of the second's end, in which a syllable stands out
SECOND = 85  # columns that are read, the last
STEPS = 1024  # to which all are rounded: mel's last bits, which depend on the chunks, move no pixel
SYLLABLE = (np.hanning(19)[1:-1] / np.hanning(19).sum()).astype(np.float32)  # smooths loudness, in columns
# how long ago a syllable begins to lift the brows, how long they take; when they are down again, and how long they took
RAISED_S = (0.06, 0.26, 0.84, 0.36)


def emphasis_of(power: FloatArray) -> Emphasis:
    """Read it from the power of speech, float32 (columns,), in the last second.

    Each column counts by its loudness, relative to the second's loudest, and by its age: most at a third of a second,
    and for what is quick at a quarter; nothing when it comes or goes. So both move smoothly, whatever the voice does.

    The stress is how far the loudest of the last syllables stands out from the second around it. A syllable counts from
    a sixth of a second after it on, for as long as a brow stays up, and comes and goes smoothly.
    """
    power = power[-SECOND:]
    if not len(power):
        return CALM
    loudest_db, level, quick, stress = _weighed(power, 10 * np.log10(power), _weights(len(power)), SYLLABLE)
    present = ramp(loudest_db, QUIETEST_PEAK_DB, QUIETEST_PEAK_DB + PRESENT_DB)
    level = _rounded(level * present)
    return Emphasis(level, _rounded(quick * present), _rounded(stress * min(1.0, 4 * level)))


def _rounded(value: float) -> float:
    return round(value * STEPS) / STEPS


@compiled
def _weighed(
    power: FloatArray, levels_db: FloatArray, weights: FloatArray, syllable: FloatArray
) -> tuple[Any, Any, Any, Any]:
    """Return the second's loudest, in dB; how loud it is of late, just now, and by how much a syllable stands out.

    ``levels_db``: the power's, float32 (columns,). ``weights``: see :func:`_weights`.
    """
    columns, half = len(power), len(syllable) // 2
    loudest, level, quick, mean, stress = 0.0, 0.0, 0.0, 0.0, 0.0
    for at in range(columns):
        loudest += power[at] * power[at] * weights[2, at]
    loudest_db = 5 * math.log10(loudest)  # the loudest dominate this mean, and it has no corner
    loud = np.empty(columns, np.float32)
    for at in range(columns):
        loud[at] = min(max((levels_db[at] - loudest_db) / LOUD_RANGE_DB + 1, 0.0), 1.0) ** 2
        level += loud[at] * weights[0, at]
        quick += loud[at] * weights[1, at]
        mean += loud[at] * weights[2, at]
    for at in range(columns):
        if weights[3, at] > 0:
            smooth = 0.0
            for tap in range(len(syllable)):
                smooth += syllable[tap] * loud[min(max(at + tap - half, 0), columns - 1)]
            stress = max(stress, (smooth - mean) * weights[3, at])
    return loudest_db, level, quick, stress


@cache
def _weights(columns: int) -> FloatArray:
    """Return float32 (4, columns): how much a column counts by now, just now, and in the whole second, of sum 1 each;

    and how far a syllable there is held.
    """
    age = (columns - np.arange(columns) - 0.5) / columns
    come, quick = age**2 * (1 - age) ** 4, np.where(age < QUICK, np.sin(np.pi * np.minimum(age / QUICK, 1)) ** 2, 0)
    whole = np.sin(np.pi * age) ** 2
    ago_s = np.arange(columns)[::-1] / COLUMNS_PER_SECOND
    held = smoothstep(
        np.clip(np.minimum((ago_s - RAISED_S[0]) / RAISED_S[1], (RAISED_S[2] - ago_s) / RAISED_S[3]), 0, 1)
    )
    return np.stack([*(each / each.sum() for each in (come, quick, whole)), held]).astype(np.float32)
