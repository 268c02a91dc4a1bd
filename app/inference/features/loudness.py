"""How loud somebody speaks, compared with themselves and with their background, over a second of mel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from app.inference.features.mel import F_MIN_HZ, MAX_ABS, MIN_DB, N_MELS, mel_band_centres_hz
from app.media import FloatArray

SPEECH_HZ = (120.0, 4000.0)
# Levels are means over mel bands: a vowel's stands some 25 dB below its dBFS.
QUIETEST_PEAK_DB = -78.0  # a second whose peak is below this holds no speech
NOISE_DB = -68.0  # below this, sound that hardly varies is background
NOISE_VARIES_DB = 12.0
ABOVE_BACKGROUND_DB = 6.0
BELS = np.float32(np.log(10) / 10)  # the natural logarithm of a decibel
GATE_FADE_DB = 8.0  # over which a mouth sets in, so that it does not snap
DIGITAL_SILENCE_DB = MIN_DB + 1


@dataclass(frozen=True, slots=True)
class Speech:
    """A second with speech in it. ``levels_db``: float32 (columns,). Speech is what stands above ``gate_db``."""

    levels_db: FloatArray
    peak_db: float
    gate_db: float


def speech_power(mel: FloatArray) -> FloatArray:
    """Return the mean power of speech's bands, from mel float32 (80, columns): (columns,), 1 at 0 dB."""
    return np.asarray(power_of(mel[band(*SPEECH_HZ)]).mean(axis=0) + np.float32(1e-12), np.float32)


def listen(power: FloatArray) -> Speech | None:
    """Judge :func:`speech_power` of about a second; None where nobody speaks."""
    levels = 10 * np.log10(power)
    peak, background = float(levels.max()), _background(levels)
    if peak < QUIETEST_PEAK_DB or (peak < NOISE_DB and peak - background < NOISE_VARIES_DB):
        return None
    return Speech(levels, peak, min(background + ABOVE_BACKGROUND_DB, peak - NOISE_VARIES_DB))


def power_of(mel: FloatArray) -> FloatArray:
    """Return linear power, 1 at 0 dB, of mel values −4…4."""
    decibels = (mel + MAX_ABS) / (2 * MAX_ABS) * -MIN_DB + MIN_DB
    return np.asarray(np.exp(decibels * BELS), np.float32)  # ten times as fast as a power of 10


def ramp(value: float, low: float, high: float) -> float:
    """Rise from 0 at ``low`` to 1 at ``high``."""
    return float(min(1.0, max(0.0, (value - low) / (high - low))))


@cache
def band(low_hz: float, high_hz: float) -> slice:
    """Return the mel bands whose centres lie between two frequencies."""
    centres = mel_band_centres_hz()
    first = int(np.searchsorted(centres, max(low_hz, F_MIN_HZ)))
    return slice(first, max(first + 1, int(np.searchsorted(centres, high_hz)))) if first < N_MELS else slice(-1, None)


def _background(levels: FloatArray) -> float:
    """Return the level of the quietest tenth; digital silence, and what lies before the sound, do not count."""
    heard = levels[levels > DIGITAL_SILENCE_DB]
    if not len(heard):
        return MIN_DB
    heard.sort()
    place = 0.1 * (len(heard) - 1)
    lower, upper = float(heard[int(place)]), float(heard[min(int(place) + 1, len(heard) - 1)])
    return lower + (upper - lower) * (place - int(place))
