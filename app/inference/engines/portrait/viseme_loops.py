"""What the portrait's network does between its three large products, compiled: NumPy would take longer than over those.

All arrays are float32 and contiguous, so that each function is compiled once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import compiled

Rows = NDArray[np.float32]
NOTHING, ONE, LOWEST = np.float32(0), np.float32(1), np.float32(-1e9)


@compiled
def set_against_loudest(mel: Rows, starts: NDArray[np.int64], length: int, floor: Any) -> tuple[Rows, Rows]:
    """Set windows of mel (bands, columns) against their own loudest columns, no further from it than ``floor``.

    Returns them, (windows, ``length``, bands), and of each window the bands' means, their greatest values and the
    loudest column's mean: (windows, 2 × bands + 1).
    """
    bands, columns = mel.shape
    means, turned = np.zeros(columns, np.float32), np.empty((columns, bands), np.float32)
    for band in range(bands):
        for at in range(columns):
            means[at] += mel[band, at]
            turned[at, band] = mel[band, at]
    means /= np.float32(bands)
    heard = np.empty((len(starts), length, bands), np.float32)
    voice = np.zeros((len(starts), 2 * bands + 1), np.float32)
    for window in range(len(starts)):
        start, loudest = starts[window], LOWEST
        for at in range(start, start + length):
            loudest = max(loudest, means[at])
        mean, greatest = voice[window, :bands], voice[window, bands : 2 * bands]
        greatest[:] = LOWEST
        for at in range(length):
            column, values = turned[start + at], heard[window, at]
            for band in range(bands):
                value = min(max(column[band] - loudest, floor), -floor)
                values[band] = value
                mean[band] += value
                greatest[band] = max(greatest[band], value)
        mean /= np.float32(length)
        voice[window, 2 * bands] = loudest
    return heard, voice
