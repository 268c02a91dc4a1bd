"""What each engine's pictures cost on this machine, learnt while it works."""

from __future__ import annotations

import statistics
from collections import deque

from app.inference.engine import Engine

RECENT = 32  # batches: a single stall among them counts for nothing


class EngineCost:
    """The inference thread's time for one picture, by engine. Written on that thread, read anywhere.

    It is the median of the latest batches, and never less than what was measured on speech: silence costs nothing,
    and must not make an engine look cheap.
    """

    def __init__(self) -> None:
        self._recent: dict[str, deque[float]] = {}
        self._least: dict[str, float] = {}

    def frame_ns(self, engine: Engine) -> int:
        """Return ns a picture; 0 while nothing has been drawn."""
        recent = self._recent.get(engine.name)
        # a copy: the thread may be adding to it
        return int(max(self._least.get(engine.name, 0), statistics.median(tuple(recent)))) if recent else 0

    def note(self, engine: Engine, frames: int, ns: int) -> None:
        """Record a batch."""
        self._recent.setdefault(engine.name, deque(maxlen=RECENT)).append(ns / frames)

    def settle(self, engine: Engine) -> None:
        """Take what was noted so far for speech."""
        self._least[engine.name] = self.frame_ns(engine)

    def forget(self, engine: Engine) -> None:
        """Start over, after an engine has warmed up."""
        self._recent.pop(engine.name, None)
        self._least.pop(engine.name, None)
