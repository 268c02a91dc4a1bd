"""From sound to the shape of a mouth, by loudness and simple spectral measures.

Pure: one window of mel in, one shape out, so that any batch or order of windows gives the same pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.engine import MelSpan
from app.inference.mel import F_MAX_HZ, F_MIN_HZ, MAX_ABS, MIN_DB, N_MELS, mel_band_centres_hz
from app.media import FloatArray

# The last second, for the speaker's own loudness, and 5 columns from the frame's start on: their last sample
# lies 75 ms after it, so that one slice of look-ahead is enough.
LOOK_BACK_FRAMES = 25
SPAN = MelSpan(first_frame=-LOOK_BACK_FRAMES, columns=LOOK_BACK_FRAMES * 16 // 5 + 5)

SMOOTHING = np.array([1, 2, 3, 3, 2, 1], np.float32) / 12  # columns: 75 ms
NOW = slice(SPAN.columns - 6, SPAN.columns)  # the columns that the smoothing covers, around the frame's middle

SPEECH_HZ = (120.0, 4000.0)
RANGE_DB = 28.0  # below the speaker's own peak: from wide open to closed
# Levels are means over mel bands: a vowel's stands some 25 dB below its dBFS.
QUIETEST_PEAK_DB = -78.0  # a second whose peak is below this holds no speech
NOISE_DB = -68.0  # below this, sound that hardly varies is background
NOISE_VARIES_DB = 12.0
ABOVE_BACKGROUND_DB = 6.0
GATE_FADE_DB = 8.0  # over which the lips part, so that they do not snap
DIGITAL_SILENCE_DB = MIN_DB + 1


@dataclass(frozen=True, slots=True)
class MouthShape:
    """A mouth's shape. ``jaw``: opening, 0…1. ``wide``: −1 (narrow) … 1 (spread). ``rounding``: 0…1."""

    jaw: float
    wide: float
    rounding: float

    @property
    def at_rest(self) -> bool:
        """Whether the picture can stay as it is."""
        return self.jaw < 0.02 and abs(self.wide) < 0.02 and self.rounding < 0.02


REST = MouthShape(0.0, 0.0, 0.0)


def mouth_shape(mel: FloatArray) -> MouthShape:
    """Read the shape for one frame from float32 (80, ``SPAN.columns``).

    Opening follows loudness relative to the speaker's last second, less where the energy lies low (close
    vowels) or very high (hissing); spread and rounding follow the second formant's side of the spectrum.
    """
    power = 10 ** (_decibels(mel) / 10)
    levels = 10 * np.log10(np.mean(power[_band(*SPEECH_HZ)], axis=0) + 1e-12)
    peak, background = float(levels.max()), _background(levels)
    level = float(levels[NOW] @ SMOOTHING)
    if peak < QUIETEST_PEAK_DB or (peak < NOISE_DB and peak - background < NOISE_VARIES_DB):
        return REST
    gate = min(background + ABOVE_BACKGROUND_DB, peak - NOISE_VARIES_DB)
    if level < gate:
        return REST
    loudness = _ramp(level, peak - RANGE_DB, peak) * _ramp(level, gate, gate + GATE_FADE_DB)
    spectrum = power[:, NOW] @ SMOOTHING
    low, middle = _db(spectrum, 150, 450), _db(spectrum, 500, 1100)
    front, hiss = _db(spectrum, 1700, 3200), _db(spectrum, 4000, F_MAX_HZ)
    open_vowel = _ramp(middle - low, -14, 2)
    hissing = _ramp(hiss - max(low, middle), -6, 8)
    jaw = loudness**1.4 * (0.35 + 0.65 * open_vowel) * (1 - 0.75 * hissing)
    spread = _ramp(front - middle, -16, 2)
    rounding = loudness * (1 - _ramp(front - max(low, middle), -34, -18)) * (1 - open_vowel) * (1 - hissing)
    wide = loudness * (0.9 * spread - 0.25)
    return MouthShape(jaw, float(np.clip(wide * (1 - rounding), -1, 1)), rounding)


def _background(levels: FloatArray) -> float:
    """Return the level of the quietest tenth; digital silence, and what lies before the sound, do not count."""
    heard = levels[levels > DIGITAL_SILENCE_DB]
    return float(np.percentile(heard, 10)) if len(heard) else MIN_DB


def _decibels(mel: FloatArray) -> FloatArray:
    return (mel + MAX_ABS) / (2 * MAX_ABS) * -MIN_DB + MIN_DB


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))


def _db(spectrum: NDArray[Any], low_hz: float, high_hz: float) -> float:
    return float(10 * np.log10(np.mean(spectrum[_band(low_hz, high_hz)]) + 1e-12))


@cache
def _band(low_hz: float, high_hz: float) -> slice:
    centres = mel_band_centres_hz()
    first = int(np.searchsorted(centres, max(low_hz, F_MIN_HZ)))
    return slice(first, max(first + 1, int(np.searchsorted(centres, high_hz)))) if first < N_MELS else slice(-1, None)
