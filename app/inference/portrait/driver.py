"""From sound to the shape of a mouth, by loudness and simple spectral measures.

Pure: one window of mel in, one shape out, so that any batch or order of windows gives the same pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.engine import MelSpan
from app.inference.loudness import GATE_FADE_DB, band, listen, power_of, ramp
from app.inference.mel import F_MAX_HZ
from app.media import FloatArray

# The last second, for the speaker's own loudness, and 5 columns from the frame's start on: their last sample
# lies 75 ms after it, so that one slice of look-ahead is enough.
LOOK_BACK_FRAMES = 25
SPAN = MelSpan(first_frame=-LOOK_BACK_FRAMES, columns=LOOK_BACK_FRAMES * 16 // 5 + 5)

SMOOTHING = np.array([1, 2, 3, 3, 2, 1], np.float32) / 12  # columns: 75 ms
NOW = slice(SPAN.columns - 6, SPAN.columns)  # the columns that the smoothing covers, around the frame's middle

RANGE_DB = 28.0  # below the speaker's own peak: from wide open to closed


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
    speech = listen(mel)
    if speech is None:
        return REST
    level = float(speech.levels_db[NOW] @ SMOOTHING)
    if level < speech.gate_db:
        return REST
    loudness = ramp(level, speech.peak_db - RANGE_DB, speech.peak_db)
    loudness *= ramp(level, speech.gate_db, speech.gate_db + GATE_FADE_DB)
    spectrum = power_of(mel[:, NOW]) @ SMOOTHING
    low, middle = _db(spectrum, 150, 450), _db(spectrum, 500, 1100)
    front, hiss = _db(spectrum, 1700, 3200), _db(spectrum, 4000, F_MAX_HZ)
    open_vowel = ramp(middle - low, -14, 2)
    hissing = ramp(hiss - max(low, middle), -6, 8)
    jaw = loudness**1.4 * (0.35 + 0.65 * open_vowel) * (1 - 0.75 * hissing)
    spread = ramp(front - middle, -16, 2)
    rounding = loudness * (1 - ramp(front - max(low, middle), -34, -18)) * (1 - open_vowel) * (1 - hissing)
    wide = loudness * (0.9 * spread - 0.25)
    return MouthShape(jaw, float(np.clip(wide * (1 - rounding), -1, 1)), rounding)


def _db(spectrum: NDArray[Any], low_hz: float, high_hz: float) -> float:
    return float(10 * np.log10(np.mean(spectrum[band(low_hz, high_hz)]) + 1e-12))
