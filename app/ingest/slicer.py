"""Sound of any chunking, rate and channel count → exact 40 ms slices at 48 kHz and 16 kHz."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from app.ingest.activity import SilenceDetector
from app.ingest.pcm import INT16_SCALE, Encoding, PcmDecoder, Resampler
from app.media import (
    MODEL_RATE,
    MODEL_SAMPLES_PER_FRAME,
    NS_PER_MS,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    SLOT_MS,
    AudioSlice,
    FloatArray,
    Journey,
)

SPLICE_MS = 5  # over which what lies before a cut fades into what lies after it


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

    def put_back(self, samples: FloatArray) -> None:
        """Put samples before all others."""
        self._chunks.appendleft(samples)
        self._length += len(samples)

    def peek(self) -> FloatArray:
        """Return all that is there; it stays."""
        return np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.float32)

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
        self._after_silence = False
        self.trimmed_ms = 0  # of silence that was cut out
        self.trimmed_goal_ms = 0  # that shall be: what is more goes in the next pause
        self.bytes_per_sample = self._decoder.bytes_per_sample

    @property
    def tail(self) -> FloatArray:
        """What is there of the next slice, for ears that need not wait for its end: float32 (n,) at 16 kHz."""
        return self._model.peek()

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
        sounds = list(self._complete(generation, now_ns))
        yield from sounds[:-1]
        # the resamplers' delay sees to it that something is left for a flush to complete
        yield from (replace(sound, last=True) for sound in sounds[-1:])

    def reset(self) -> None:
        """Discard everything that is not yet a slice."""
        self._decoder.reset()
        self._to_playout.reset()
        self._to_model.reset()
        self._playout.clear()
        self._model.clear()
        self._in_utterance = self._after_silence = False

    def _complete(self, generation: int, now_ns: int) -> Iterator[AudioSlice]:
        while len(self._playout) >= SAMPLES_PER_FRAME and len(self._model) >= MODEL_SAMPLES_PER_FRAME:
            model = self._model.take(MODEL_SAMPLES_PER_FRAME)
            sound = self._playout.take(SAMPLES_PER_FRAME)
            if self._after_silence and self.trimmed_goal_ms > self.trimmed_ms and self._silence.is_silent(model):
                self._trim(sound, model)
                continue
            playout = np.clip(np.rint(sound * INT16_SCALE), -INT16_SCALE, INT16_SCALE - 1).astype(np.int16)
            silent = self._silence.is_silent(model)
            yield AudioSlice(
                generation, self._pts, playout, model, silent, Journey(now_ns), trimmed_ns=self.trimmed_ms * NS_PER_MS
            )
            self._pts += 1
            self._after_silence = silent

    def _trim(self, sound: FloatArray, model: FloatArray) -> None:
        """Cut silence out of the start of a slice, and put the rest back."""
        cut_ms = min(self.trimmed_goal_ms - self.trimmed_ms, SLOT_MS - SPLICE_MS)
        self.trimmed_ms += cut_ms
        self._after_silence = False  # one cut a slice
        self._playout.put_back(_spliced(sound, cut_ms * SAMPLE_RATE // 1000, SPLICE_MS * SAMPLE_RATE // 1000))
        self._model.put_back(_spliced(model, cut_ms * MODEL_RATE // 1000, SPLICE_MS * MODEL_RATE // 1000))


def _spliced(sound: FloatArray, cut: int, splice: int) -> FloatArray:
    """Return a sound without ``cut`` samples of its start, which still begins as it began."""
    rest = sound[cut:].copy()
    rest[:splice] += (sound[:splice] - rest[:splice]) * np.linspace(1, 0, splice, dtype=np.float32)
    return rest
