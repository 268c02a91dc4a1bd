"""Slices in, windows out: what an engine hears, each as soon as its last mel column is final."""

from __future__ import annotations

from collections import deque

import numpy as np

from app.inference.features.mel import N_MELS, SILENT_COLUMN, MelStream, samples_of
from app.inference.features.window import MelSpan, Window
from app.media import AudioSlice, FloatArray


class Windower:
    """Cuts one session's sound into windows.

    Bound: the slices and mel columns of the engine's span (its look-back and look-ahead). What lies before an
    utterance and after its flush is silence.
    """

    _ahead: int  # samples heard of the next slice, before it is there

    def __init__(self, span: MelSpan | None) -> None:
        self._span = span
        self.reset()

    @property
    def pending(self) -> int:
        """Slices that wait for what they must hear after themselves."""
        return len(self._slices)

    def push(self, sound: AudioSlice) -> list[Window]:
        """Take a slice, return the windows that it completes."""
        if self._span is None:
            return [Window(sound, np.zeros((N_MELS, 0), np.float32))]
        self._slices.append(sound)
        self._listen(sound.model[self._ahead :])
        self._ahead = max(0, self._ahead - len(sound.model))
        return self._complete(self._span)

    def hear(self, tail: FloatArray) -> list[Window]:
        """Listen ahead to what there is of the next slice, float32 (n,) at 16 kHz: an engine may need no more of it.

        Samples of that slice that were heard before are skipped. A tail that completes no window is not heard yet.
        """
        if self._span is None or not self._slices:
            return []
        wanted = samples_of(self._span.start(self._frame) + self._span.columns)
        if self._heard + len(tail) - self._ahead < wanted:
            return []
        self._listen(tail[self._ahead :])
        self._ahead = len(tail)
        return self._complete(self._span)

    def flush(self) -> list[Window]:
        """End an utterance: return the windows still owed."""
        if self._span is None or not self._heard:
            return []
        self._add(self._mel.finish())
        last = self._span.start(self._frame + len(self._slices) - 1) + self._span.columns
        missing = max(0, last - self._end)
        self._add(np.full((N_MELS, missing), SILENT_COLUMN, np.float32))
        windows = self._complete(self._span)
        self.reset()
        return windows

    def reset(self) -> None:
        """Forget everything, as before the first slice."""
        self._mel = MelStream()
        self._slices: deque[AudioSlice] = deque()
        self._frame = 0  # of this utterance, the next to be given out
        self._heard = 0  # samples of this utterance
        self._ahead = 0
        before = max(0, -self._span.start(0)) if self._span else 0
        self._columns: FloatArray = np.full((N_MELS, before), SILENT_COLUMN, np.float32)
        self._first = -before  # index of the first column kept

    @property
    def _end(self) -> int:
        return self._first + int(self._columns.shape[1])

    def _listen(self, samples: FloatArray) -> None:
        self._heard += len(samples)
        self._add(self._mel.push(samples))

    def _add(self, columns: FloatArray) -> None:
        self._columns = np.concatenate([self._columns, columns], axis=1)

    def _complete(self, span: MelSpan) -> list[Window]:
        windows = []
        while self._slices and span.start(self._frame) + span.columns <= self._end:
            offset = span.start(self._frame) - self._first
            mel = self._columns[:, offset : offset + span.columns].copy()
            windows.append(Window(self._slices.popleft(), mel, self._frame))
            self._frame += 1
        spare = min(max(0, span.start(self._frame) - self._first), self._columns.shape[1])
        self._columns = self._columns[:, spare:]
        self._first += spare
        return windows
