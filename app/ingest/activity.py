"""Which slices hold no speech: what ``live`` mode may drop, and what ends an utterance."""

from __future__ import annotations

from app.level import level_dbfs
from app.media import VIDEO_FPS, FloatArray

SILENCE_DBFS = -55.0  # always silent below this
SPEECH_DBFS = -35.0  # never silent above this
ABOVE_FLOOR_DB = 8.0  # in between, speech stands this far above the background
FLOOR_RISE_DB = 2.0 / VIDEO_FPS  # the background estimate falls at once and rises 2 dB a second


class SilenceDetector:
    """Compares each slice's level with a running estimate of the background's.

    The estimate is the lowest recent level: the dips between words keep it down while somebody speaks.
    """

    def __init__(self) -> None:
        self._floor_dbfs = SILENCE_DBFS

    def is_silent(self, samples: FloatArray) -> bool:
        """Judge one slice: float32, −1…1, any length."""
        return self.is_silent_at(level_dbfs(samples))

    def is_silent_at(self, level: float) -> bool:
        """Judge one slice by its level, in dBFS."""
        # digital silence says nothing about the background, so the estimate stays above it
        self._floor_dbfs = min(max(level, SILENCE_DBFS), self._floor_dbfs + FLOOR_RISE_DB)
        if level < SILENCE_DBFS:
            return True
        return level < SPEECH_DBFS and level < self._floor_dbfs + ABOVE_FLOOR_DB
