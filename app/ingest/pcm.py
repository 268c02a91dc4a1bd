"""PCM as it comes over the socket → mono samples at the rate that is wanted."""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr

from app.media import FloatArray

Encoding = Literal["pcm_s16le", "pcm_f32le"]

_DTYPES: dict[Encoding, str] = {"pcm_s16le": "<i2", "pcm_f32le": "<f4"}
INT16_SCALE = 32768.0


class PcmDecoder:
    """Bytes → mono float32, −1…1.

    State: the bytes of at most one sample of every channel, carried over when a message splits it.
    """

    def __init__(self, encoding: Encoding, channels: int) -> None:
        self._dtype = np.dtype(_DTYPES[encoding])
        self._channels = channels
        self.bytes_per_sample = self._dtype.itemsize * channels
        self._carry = b""

    def push(self, data: bytes) -> FloatArray:
        """Decode what is complete; channels are averaged, and values that are no number become 0."""
        data = self._carry + data
        whole = len(data) - len(data) % self.bytes_per_sample
        self._carry = data[whole:]
        samples = np.frombuffer(data[:whole], self._dtype).reshape(-1, self._channels)
        if self._dtype.kind == "i":
            mono = samples.mean(axis=1, dtype=np.float32) / np.float32(INT16_SCALE)
        else:
            finite = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
            mono = np.clip(finite, -1, 1).mean(axis=1, dtype=np.float32)
        return np.asarray(mono, np.float32)

    def reset(self) -> None:
        """Forget a sample that was cut short."""
        self._carry = b""


class Resampler:
    """One streaming conversion by soxr, or none where the rates agree.

    soxr's variable-rate mode is used for its constant delay (48 → 16 kHz: 12.5 ms; the block mode varies
    between 6 and 37 ms) at the same number of samples; nothing is lost or made up, whatever the chunking.
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
        """Start anew, and forget what was inside."""
        self._stream = self._open()

    def _open(self) -> soxr.ResampleStream | None:
        from_rate, to_rate = self._rates
        if from_rate == to_rate:
            return None
        return soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ", vr=True)
