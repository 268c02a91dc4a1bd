"""Resampling with a short, constant delay, for the model that a live mouth waits for.

soxr's constant delay is 12.5 ms from 48 to 16 kHz, which costs a live voice a whole 20 ms chunk. This filter is
2.5 ms long on each side of a sample and 60 dB down, which is ample for what becomes a mel spectrogram.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from app.media import FloatArray
from app.overlapping import overlapping

HALF_S = 0.0025  # of the filter; it is also the delay
ATTENUATION_BETA = 5.65  # Kaiser's β for 60 dB (J. F. Kaiser, 1974)
PASSED = 0.955  # of the lower rate's half: where the filter is 6 dB down
SHORTEST_BLOCK_S = 0.001  # so that one multiplication makes several samples
MOST_WEIGHTS = 500_000  # 2 MB a pair of rates; only odd ratios need more


class BlockResampler:
    """One streaming conversion between two rates, a block at a time: a matrix of filter values, times samples.

    Every sample keeps its time, whatever the chunking. State: less than a block and a filter's length.
    """

    _waiting: FloatArray  # from half a filter before the block that is not complete
    _given: int  # samples of that block

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._step, self._made, self._half = _block(from_rate, to_rate)
        self._weights = _weights(from_rate, to_rate)
        self._zeros = np.zeros(len(self._weights), np.float32)
        self.reset()

    @staticmethod
    def fits(from_rate: int, to_rate: int) -> bool:
        """Whether the ratio of two rates is simple enough."""
        step, made, half = _block(from_rate, to_rate)
        return (step + 2 * half) * made <= MOST_WEIGHTS

    def push(self, samples: FloatArray) -> FloatArray:
        """Return what is ready, float32 (n,)."""
        # the last block may hear zeros where nothing has come yet: no sample that they take part in is given out
        padded = np.concatenate([self._waiting, samples, self._zeros])
        there = len(padded) - len(self._zeros)
        last_heard = there - 2 * self._half - 1  # of the samples that have all of the filter around them
        ready = last_heard * self._made // self._step + 1 if last_heard >= 0 else 0
        heard = overlapping(padded, -(-ready // self._made), len(self._weights), self._step)
        sound = (heard @ self._weights).reshape(-1)[self._given : ready]
        self._waiting = padded[ready // self._made * self._step : there]
        self._given = ready % self._made
        return np.asarray(sound, np.float32)

    def finish(self) -> FloatArray:
        """Return the rest, and start anew."""
        after_last = len(self._waiting) - self._half
        owed = -(-after_last * self._made // self._step) - self._given
        rest = self.push(np.zeros(2 * self._half, np.float32))[:owed]
        self.reset()
        return rest

    def reset(self) -> None:
        """Start anew; what was inside is discarded."""
        self._waiting = np.zeros(self._half, np.float32)
        self._given = 0


def _block(from_rate: int, to_rate: int) -> tuple[int, int, int]:
    """Return how many samples a block takes and makes, and half the filter's length in samples."""
    common = math.gcd(from_rate, to_rate)
    step, made = from_rate // common, to_rate // common
    times = math.ceil(SHORTEST_BLOCK_S * common)
    return step * times, made * times, math.ceil(HALF_S * from_rate)


@cache
def _weights(from_rate: int, to_rate: int) -> FloatArray:
    """Return float32 (samples that a block hears, samples that it makes)."""
    step, made, half = _block(from_rate, to_rate)
    heard_at_s = (np.arange(step + 2 * half) - half) / from_rate
    away_s = np.arange(made)[None, :] / to_rate - heard_at_s[:, None]
    passed_hz = PASSED * min(from_rate, to_rate) / 2
    taper = np.sqrt(np.maximum(0, 1 - (away_s / HALF_S) ** 2))
    window = np.i0(ATTENUATION_BETA * taper) / np.i0(ATTENUATION_BETA) * (np.abs(away_s) < HALF_S)
    weights = 2 * passed_hz * np.sinc(2 * passed_hz * away_s) * window
    return np.asarray(weights / weights.sum(axis=0), np.float32)
