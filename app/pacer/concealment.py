"""What is heard where a voice is missing: its own last pitch period, fading, instead of bare silence with two edges.

After ITU-T G.711, appendix I: the last period of the voice is repeated, as loud as it was for 10 ms and then fainter by
a fifth every 10 ms, and the voice that comes back is faded in over it. What is missing at rest, or for good, fades out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.media import SAMPLE_RATE, SAMPLES_PER_FRAME, SILENCE, FloatArray, Samples

FADE_SAMPLES = SAMPLE_RATE // 200  # 5 ms, so that neither a cut nor a return clicks
SHORTEST, LONGEST = SAMPLE_RATE // 400, SAMPLE_RATE // 62  # pitch periods: 400 to 62 Hz
COMPARED = SAMPLE_RATE // 60  # samples that two periods are compared over
STEADY_SAMPLES = SAMPLE_RATE // 100
FADES_OUT_SAMPLES = SAMPLE_RATE // 20  # by a fifth every 10 ms
JOINT_SAMPLES = SAMPLE_RATE // 1000  # over which the first repeat takes up the voice's last sample
HISTORY_SAMPLES = 2 * SAMPLES_PER_FRAME


class Concealment:
    """One session's. It hears what is played, and fills what is missing. Bound: 80 ms of sound."""

    def __init__(self) -> None:
        self._history: Samples = np.zeros(HISTORY_SAMPLES, np.int16)
        self._voiced = False
        self._period: FloatArray | None = None  # what is repeated, from the first missing sample on
        self._filled = 0  # samples since the voice broke off

    def play(self, audio: Samples, voiced: bool) -> Samples:
        """Note what is played, int16 (1920,), and return it, faded in where something was missing before it."""
        if self._period is not None:
            before = self._repeat(FADE_SAMPLES)
            rise = np.linspace(0, 1, FADE_SAMPLES, dtype=np.float32)
            joined = audio.copy()
            joined[:FADE_SAMPLES] = before * (1 - rise) + audio[:FADE_SAMPLES] * rise
            audio, self._period = joined, None
        self._history = np.concatenate([self._history[len(audio) :], audio])
        self._voiced = voiced
        return audio

    def fill(self, missing: bool) -> Samples:
        """Return a slot of what is heard instead of a frame, int16 (1920,).

        ``missing``: more should have come; otherwise what was playing has ended.
        """
        if self._period is None and not (missing and self._voiced):
            return self._end()
        if self._period is None:
            voice = self._history.astype(np.float32)
            self._period, self._filled = voice[-_pitch_period(voice) :], 0
        if self._filled >= STEADY_SAMPLES + FADES_OUT_SAMPLES:
            return SILENCE
        filled = self._repeat(SAMPLES_PER_FRAME).astype(np.int16)
        self._filled += SAMPLES_PER_FRAME
        return filled

    def forget(self) -> None:
        """Start afresh, after an interrupt."""
        self._history = np.zeros(HISTORY_SAMPLES, np.int16)
        self._voiced, self._period = False, None

    def _end(self) -> Samples:
        """Return silence that begins where the sound stopped."""
        last = int(self._history[-1])
        if not last:
            return SILENCE
        ending = SILENCE.copy()
        ending[:FADE_SAMPLES] = np.linspace(last, 0, FADE_SAMPLES).astype(np.int16)
        self._history = np.zeros(HISTORY_SAMPLES, np.int16)
        return ending

    def _repeat(self, count: int) -> FloatArray:
        """Return the next samples of what is missing, float32 (count,)."""
        assert self._period is not None
        places = np.arange(self._filled, self._filled + count)
        sound = np.asarray(self._period[places % len(self._period)], np.float64)
        # the voice's last sample stands one before the period's end: take it up without a step
        step = float(self._history[-1]) - float(self._history[-1 - len(self._period)])
        sound = sound + step * np.clip(1 - places / JOINT_SAMPLES, 0, 1)
        gain = np.clip((STEADY_SAMPLES + FADES_OUT_SAMPLES - places) / FADES_OUT_SAMPLES, 0, 1)
        return np.asarray(np.clip(sound * gain, -32768, 32767), np.float32)


def _pitch_period(voice: NDArray[np.float32]) -> int:
    """Return the lag at which the last samples repeat best, by their normalised correlation."""
    last = voice[-COMPARED:]
    earlier = np.lib.stride_tricks.sliding_window_view(voice[-COMPARED - LONGEST : -SHORTEST], COMPARED)
    # in row 0 the lag is LONGEST
    likeness = earlier @ last / np.sqrt(np.einsum("ij,ij->i", earlier, earlier) + 1.0)
    return LONGEST - int(np.argmax(likeness))
