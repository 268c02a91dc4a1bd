"""Sound at one rate → sound at another: for playout by soxr, for the model with the shortest delay."""

from __future__ import annotations

import numpy as np
import soxr

from app.ingest.block_resampler import BlockResampler
from app.media import FloatArray


class Resampler:
    """One streaming conversion by soxr, or none where the rates agree.

    soxr's variable-rate mode is used for its constant delay (44.1 → 48 kHz: 13.6 ms; the block mode varies
    between 6 and 40 ms) at the same number of samples; nothing is lost or made up, whatever the chunking.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._rates = (from_rate, to_rate)
        self._stream = self._open()

    def push(self, samples: FloatArray) -> FloatArray:
        """Return what is ready."""
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(samples), np.float32)

    def finish(self) -> FloatArray:
        """Return the rest, and start anew."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        rest = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        self._stream = self._open()
        return np.asarray(rest, np.float32)

    def reset(self) -> None:
        """Start anew; what was inside is discarded."""
        self._stream = self._open()

    def _open(self) -> soxr.ResampleStream | None:
        from_rate, to_rate = self._rates
        if from_rate == to_rate:
            return None
        return soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ", vr=True)


def resampler_for_model(from_rate: int, to_rate: int) -> Resampler | BlockResampler:
    """Return the conversion with the shortest delay: 2.5 ms for the usual rates."""
    if from_rate != to_rate and BlockResampler.fits(from_rate, to_rate):
        return BlockResampler(from_rate, to_rate)
    return Resampler(from_rate, to_rate)
