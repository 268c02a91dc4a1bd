"""What an engine hears for one frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from app.inference.features.loudness import speech_power
from app.inference.features.mel import column_at
from app.media import AudioSlice, FloatArray


@dataclass(frozen=True, slots=True)
class MelSpan:
    """Which mel columns an engine hears for frame f: ``columns`` of them from frame ``f + first_frame`` on."""

    first_frame: int
    columns: int

    def start(self, frame: int) -> int:
        """Return the first column for ``frame``."""
        return column_at(frame + self.first_frame)


@dataclass(frozen=True)
class Window:
    """What an engine hears for one frame: its own slice, and mel float32 (80, columns) around it.

    ``frame``: of its utterance, by which :meth:`MelSpan.start` says where its columns begin.
    """

    sound: AudioSlice
    mel: FloatArray
    frame: int = 0

    @cached_property
    def power(self) -> FloatArray:
        """How loud speech is in each column, float32 (columns,): mouth and head both follow it."""
        return speech_power(self.mel)
