"""PCM as it comes over the socket → mono samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.media import FloatArray

Encoding = Literal["pcm_s16le", "pcm_f32le"]

_DTYPES: dict[Encoding, str] = {"pcm_s16le": "<i2", "pcm_f32le": "<f4"}
INT16_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """What somebody's sound is. ``sample_rate``: Hz. ``channels``: 1 or 2, interleaved."""

    encoding: Encoding = "pcm_s16le"
    channels: int = 1
    sample_rate: int = 48_000

    @property
    def bytes_per_sample(self) -> int:
        """Of every channel together."""
        return np.dtype(_DTYPES[self.encoding]).itemsize * self.channels


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
            sound = samples.astype(np.float32) / np.float32(INT16_SCALE)
        else:
            sound = np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1, 1).astype(np.float32)
        return sound[:, 0] if self._channels == 1 else sound.mean(axis=1)

    def reset(self) -> None:
        """Forget a sample that was cut short."""
        self._carry = b""
