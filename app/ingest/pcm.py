"""PCM of any chunking, rate and channel count → exact 40 ms slices at 48 kHz and 16 kHz."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Literal

import numpy as np
import soxr

from app.ingest.activity import SilenceDetector
from app.media import (
    MODEL_RATE,
    MODEL_SAMPLES_PER_FRAME,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    AudioSlice,
    FloatArray,
)

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


class SampleQueue:
    """A FIFO of samples that gives exact lengths. Bounded by its user, who takes whatever is complete."""

    def __init__(self) -> None:
        self._chunks: deque[FloatArray] = deque()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, samples: FloatArray) -> None:
        """Append samples."""
        if len(samples):
            self._chunks.append(samples)
            self._length += len(samples)

    def take(self, count: int) -> FloatArray:
        """Remove and return the first ``count`` samples, which must be there."""
        assert count <= self._length
        parts: list[FloatArray] = []
        wanted = count
        while wanted:
            head = self._chunks.popleft()
            if len(head) > wanted:
                self._chunks.appendleft(head[wanted:])
                head = head[:wanted]
            parts.append(head)
            wanted -= len(head)
        self._length -= count
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def clear(self) -> None:
        """Forget everything."""
        self._chunks.clear()
        self._length = 0


class Slicer:
    """Raw PCM in, :class:`AudioSlice` out: decoded, resampled once to each rate, cut at exact slots.

    Bound: less than one slice and the resamplers' delay, as ``push`` gives out all that is complete.
    """

    def __init__(self, encoding: Encoding, channels: int, rate: int) -> None:
        self._decoder = PcmDecoder(encoding, channels)
        self._to_playout = Resampler(rate, SAMPLE_RATE)
        self._to_model = Resampler(rate, MODEL_RATE)
        self._playout, self._model = SampleQueue(), SampleQueue()
        self._silence = SilenceDetector()
        self._pts = 0
        self._in_utterance = False
        self.bytes_per_sample = self._decoder.bytes_per_sample

    def push(self, data: bytes, generation: int, now_ns: int) -> Iterator[AudioSlice]:
        """Take bytes of any number and yield the slices that they complete."""
        mono = self._decoder.push(data)
        self._in_utterance = self._in_utterance or len(mono) > 0
        self._playout.push(self._to_playout.push(mono))
        self._model.push(self._to_model.push(mono))
        yield from self._complete(generation, now_ns)

    def flush(self, generation: int, now_ns: int) -> Iterator[AudioSlice]:
        """End an utterance: yield what is left, the last slice filled up with silence."""
        self._decoder.reset()
        if not self._in_utterance:
            return
        self._in_utterance = False
        self._playout.push(self._to_playout.finish())
        self._model.push(self._to_model.finish())
        slices = math.ceil(max(len(self._playout) / SAMPLES_PER_FRAME, len(self._model) / MODEL_SAMPLES_PER_FRAME))
        self._playout.push(np.zeros(slices * SAMPLES_PER_FRAME - len(self._playout), np.float32))
        self._model.push(np.zeros(slices * MODEL_SAMPLES_PER_FRAME - len(self._model), np.float32))
        yield from self._complete(generation, now_ns)

    def reset(self) -> None:
        """Discard everything that is not yet a slice."""
        self._decoder.reset()
        self._to_playout.reset()
        self._to_model.reset()
        self._playout.clear()
        self._model.clear()
        self._in_utterance = False

    def _complete(self, generation: int, now_ns: int) -> Iterator[AudioSlice]:
        while len(self._playout) >= SAMPLES_PER_FRAME and len(self._model) >= MODEL_SAMPLES_PER_FRAME:
            sound = self._playout.take(SAMPLES_PER_FRAME)
            playout = np.clip(np.rint(sound * INT16_SCALE), -INT16_SCALE, INT16_SCALE - 1).astype(np.int16)
            model = self._model.take(MODEL_SAMPLES_PER_FRAME)
            silent = self._silence.is_silent(model)
            yield AudioSlice(generation, self._pts, playout, model, silent, now_ns)
            self._pts += 1
