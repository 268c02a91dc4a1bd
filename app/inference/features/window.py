"""What an engine hears for one frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

from app.inference.features.loudness import speech_power
from app.inference.features.mel import column_at
from app.media import AudioSlice, FloatArray

Reading = TypeVar("Reading")


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
    _readings: dict[Callable[[Any], Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def power(self) -> FloatArray:
        """How loud speech is in each column, float32 (columns,): mouth and head both follow it."""
        return speech_power(self.mel)

    def once(self, read: Callable[[Window], Reading]) -> Reading:
        """Return what a pure function reads of this window: it is kept, as several ask for the same."""
        if read not in self._readings:
            self._readings[read] = read(self)
        return cast(Reading, self._readings[read])
