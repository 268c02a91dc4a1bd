"""What the portrait's network does around its products of matrices, compiled: NumPy would take as long as over those.

All arrays are contiguous, so that each function is compiled once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import compiled

Rows = NDArray[np.float32]
LOWEST = np.float32(-1e9)


@compiled
def set_against_loudest(
    mel: Rows, starts: NDArray[np.int64], length: int, floor: Any, steps: NDArray[np.int64], taps: int
) -> tuple[Rows, NDArray[np.int64], Rows]:
    """Read windows of mel (bands, columns), ``length`` columns each, against their own loudest column.

    ``steps``: the columns of a window from which a convolution reads ``taps`` at once. ``floor``: how far below the
    loudest column anything is heard, and above. Returns what it reads, (rows, taps × bands), each row once where
    windows share it; which row is each window's at each step; and of each window the bands' means, their greatest
    values and the loudest column's mean: (windows, 2 × bands + 1).
    """
    bands, columns = mel.shape
    means, turned = np.zeros(columns, np.float32), np.empty((columns, bands), np.float32)
    for band in range(bands):
        for at in range(columns):
            means[at] += mel[band, at]
            turned[at, band] = mel[band, at]
    means /= np.float32(bands)
    rows, used = np.empty((len(starts) * len(steps), taps * bands), np.float32), 0
    places = np.empty((len(starts), len(steps)), np.int64)
    voice = np.zeros((len(starts), 2 * bands + 1), np.float32)
    read_at = np.full((columns, len(starts)), -1)  # the row that was read from a column on, against whose loudest
    for window in range(len(starts)):
        start, loudest = starts[window], LOWEST
        for at in range(start, start + length):
            loudest = max(loudest, means[at])
        alike = window
        for other in range(window):
            alike = min(alike, other) if voice[other, 2 * bands] == loudest else alike
        mean, greatest = voice[window, :bands], voice[window, bands : 2 * bands]
        greatest[:] = LOWEST
        for at in range(start, start + length):
            column = turned[at]
            for band in range(bands):
                value = min(max(column[band] - loudest, floor), -floor)
                mean[band] += value
                greatest[band] = max(greatest[band], value)
        mean /= np.float32(length)
        voice[window, 2 * bands] = loudest
        for step in range(len(steps)):
            first = start + steps[step]
            if read_at[first, alike] < 0:
                for tap in range(taps):
                    column, row = turned[first + tap], rows[used, tap * bands : (tap + 1) * bands]
                    for band in range(bands):
                        row[band] = min(max(column[band] - loudest, floor), -floor)
                read_at[first, alike], used = used, used + 1
            places[window, step] = read_at[first, alike]
    return rows[:used], places, voice


@compiled
def side_by_side(made: Rows, places: NDArray[np.int64], taps: int, stride: int) -> Rows:
    """Lay what a convolution has made, (rows, channels), side by side for the next: (windows × steps, taps × channels).

    ``places``: which row is each window's at each of the first convolution's steps.
    """
    windows, rows = places.shape
    channels, steps = made.shape[1], 1 + (rows - taps) // stride
    taken = np.empty((windows * steps, taps * channels), np.float32)
    for window in range(windows):
        for step in range(steps):
            to = taken[window * steps + step]
            for tap in range(taps):
                to[tap * channels : (tap + 1) * channels] = made[places[window, step * stride + tap]]
    return taken


@compiled
def squashed(raw: Rows, spread: int) -> Rows:
    """Bring a mouth's channels into their ranges: −1…1 for the one that is ``spread``, 0…1 for the others."""
    mouth = np.empty_like(raw)
    for row in range(len(raw)):
        for channel in range(raw.shape[1]):
            value = raw[row, channel]
            mouth[row, channel] = math.tanh(value) if channel == spread else 1 / (1 + math.exp(-value))
    return mouth
