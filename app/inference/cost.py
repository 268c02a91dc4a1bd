"""What each engine's pictures cost on this machine, learnt while it works."""

from __future__ import annotations

from app.inference.engine import Engine

RISE, FALL = 0.5, 0.02  # of the difference, a batch: silence costs nothing and must not make an engine look cheap


class EngineCost:
    """The inference thread's time for one picture, by engine. Written on that thread, read anywhere."""

    def __init__(self) -> None:
        self._frame_ns: dict[str, float] = {}

    def frame_ns(self, engine: Engine) -> int:
        """Return ns a picture; 0 while nothing has been drawn."""
        return int(self._frame_ns.get(engine.name, 0))

    def forget(self, engine: Engine) -> None:
        """Start over, after an engine has warmed up."""
        self._frame_ns.pop(engine.name, None)

    def note(self, engine: Engine, frames: int, ns: int) -> None:
        """Record a batch."""
        now = ns / frames
        before = self._frame_ns.get(engine.name, now)
        self._frame_ns[engine.name] = before + (RISE if now > before else FALL) * (now - before)
