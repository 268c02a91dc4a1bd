"""What pictures cost on this machine, learnt while it works."""

from __future__ import annotations

import statistics
from collections import deque

RECENT = 32  # batches: a single stall among them counts for nothing


class EngineCost:
    """The inference thread's time for one picture, by kind of work: an engine, on pictures or on videos.

    Written on the inference thread, read anywhere. It is the median of the latest batches, and never less than what was
    measured on speech: silence costs nothing, and must not make an engine look cheap.
    """

    def __init__(self) -> None:
        self._recent: dict[str, deque[float]] = {}
        self._least: dict[str, float] = {}

    def frame_ns(self, kind: str) -> int:
        """Return ns a picture; 0 while nothing has been drawn."""
        recent = self._recent.get(kind)
        # a copy: the thread may be adding to it
        return int(max(self._least.get(kind, 0), statistics.median(tuple(recent)))) if recent else 0

    def note(self, kind: str, frames: int, ns: int) -> None:
        """Record a batch."""
        self._recent.setdefault(kind, deque(maxlen=RECENT)).append(ns / frames)

    def settle(self, kind: str) -> None:
        """Take what was noted so far for speech."""
        self._least[kind] = self.frame_ns(kind)

    def forget(self, kind: str) -> None:
        """Start over, after a warm-up."""
        self._recent.pop(kind, None)
        self._least.pop(kind, None)
