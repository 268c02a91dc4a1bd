"""How loud somebody is to whom a face listens: that much of their voice is sent, and no more."""

from __future__ import annotations

import math
import sys
from array import array
from operator import mul

LEVELS_PER_S = 25
LEAST_DBFS = -120.0
FULL_SCALE = 32768.0


class Loudness:
    """Measures 16-bit sound of any chunking in levels of 40 ms. State: less than that."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.format = sample_rate, channels
        self._piece_bytes = 2 * channels * (sample_rate // LEVELS_PER_S)
        self._rest = b""

    def levels(self, pcm: bytes) -> list[float]:
        """Return the level of each 40 ms that are whole now, in dBFS."""
        data = self._rest + pcm
        whole = len(data) - len(data) % self._piece_bytes
        self._rest = data[whole:]
        return [_level(data[start : start + self._piece_bytes]) for start in range(0, whole, self._piece_bytes)]


def _level(pcm: bytes) -> float:
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    power = sum(map(mul, samples, samples)) / len(samples) / FULL_SCALE**2
    return round(max(LEAST_DBFS, 10 * math.log10(power)), 1) if power else LEAST_DBFS
