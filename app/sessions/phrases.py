"""Where somebody's phrases end, heard in how loud they are."""

from __future__ import annotations

from dataclasses import dataclass

from app.ingest.activity import SilenceDetector
from app.media import VIDEO_FPS

# Listeners answer with a nod after at least 0.7 s of speech (N. Ward, W. Tsukahara: Prosodic features which cue
# back-channel responses in English and Japanese, 2000); a shorter phrase is a word in passing.
SHORTEST_SLOTS = 7 * VIDEO_FPS // 10
FULL_SLOTS = 3 * VIDEO_FPS  # a phrase this long is answered fully
LEAST_DEPTH = 0.5
PAUSE_SLOTS = VIDEO_FPS // 4  # of silence that end a phrase, 240 ms; closures within words are half as long


@dataclass(frozen=True, slots=True)
class Heard:
    """What 40 ms told. ``ended``: how deep a nod the phrase deserves that ended with them, 0…1; 0: none did."""

    voiced: bool
    ended: float = 0.0


class Phrases:
    """Follows one voice, 40 ms at a time. State: two counts and a level."""

    def __init__(self) -> None:
        self._detector = SilenceDetector()
        self._voiced = self._quiet = 0

    def hear(self, level_dbfs: float) -> Heard:
        """Take how loud the next 40 ms are."""
        if not self._detector.is_silent_at(level_dbfs):
            self._voiced, self._quiet = self._voiced + 1, 0
            return Heard(True)
        self._quiet += 1
        if self._quiet < PAUSE_SLOTS or not self._voiced:
            return Heard(False)
        spoken, self._voiced = self._voiced, 0
        if spoken < SHORTEST_SLOTS:
            return Heard(False)
        return Heard(False, LEAST_DEPTH + (1 - LEAST_DEPTH) * min(1.0, spoken / FULL_SLOTS))
