"""Sound of any chunking, rate and channel count → exact 40 ms slices at 48 kHz and 16 kHz."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from app.ingest.activity import SilenceDetector
from app.ingest.pcm import INT16_SCALE, Encoding, PcmDecoder, PcmFormat
from app.ingest.resampler import Resampler, resampler_for_model
from app.media import (
    MODEL_RATE,
    MODEL_SAMPLES_PER_FRAME,
    PACKETS_PER_FRAME,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    VIDEO_FPS,
    AudioSlice,
    FloatArray,
    StageTimestamps,
)


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
        self._to_model = resampler_for_model(rate, MODEL_RATE)
        self._playout, self._model = SampleQueue(), SampleQueue()
        self._silence = SilenceDetector()
        self.next_pts = 0  # of the slice that is complete next
        self._in_utterance = False
        self._rate = rate
        self._begun_at = 0  # pts of this utterance's first slice
        self._taken = 0  # samples of this utterance, as they came
        self.bytes_per_sample = self._decoder.bytes_per_sample

    @classmethod
    def of(cls, format: PcmFormat) -> Slicer:
        """Make one for a format."""
        return cls(format.encoding, format.channels, format.sample_rate)

    @property
    def tail(self) -> FloatArray:
        """What is there of the next slice, for an engine that need not hear all of it: float32 (n,) at 16 kHz."""
        return self._model.peek()

    @property
    def position(self) -> int:
        """Where the sound that was pushed so far ends, in packets of 20 ms since the first slice, rounded up."""
        if not self._in_utterance:
            return self.next_pts * PACKETS_PER_FRAME
        return self._begun_at * PACKETS_PER_FRAME + -(-self._taken * PACKETS_PER_FRAME * VIDEO_FPS // self._rate)

    def begin_at(self, pts: int) -> None:
        """Number slices from here on, before the first: another slicer cut what came before."""
        self.next_pts = pts

    def push(self, data: bytes, generation: int, now_ns: int) -> Iterator[AudioSlice]:
        """Take bytes of any number and yield the slices that they complete."""
        mono = self._decoder.push(data)
        if len(mono) and not self._in_utterance:
            self._in_utterance, self._begun_at, self._taken = True, self.next_pts, 0
        self._taken += len(mono)
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
        # the resamplers hold something back, so a flush always completes a slice
        yield from (replace(sound, last=True) for sound in sounds[-1:])

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
            yield AudioSlice(generation, self.next_pts, playout, model, silent, StageTimestamps(now_ns))
            self.next_pts += 1
