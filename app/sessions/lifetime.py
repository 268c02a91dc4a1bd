"""How long a session lives that no socket owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.clock import Clock
from app.media import NS_PER_S


@dataclass(frozen=True, slots=True)
class Lifetime:
    """``max_duration_s``: from its making to its end. ``idle_timeout_s``: with neither feeder nor viewer."""

    max_duration_s: float
    idle_timeout_s: float


class Mortal(Protocol):
    """What of a session decides on its end."""

    @property
    def over(self) -> bool:
        """Whether it has failed or was closed."""
        ...

    @property
    def attended(self) -> bool:
        """Whether somebody feeds or watches it."""
        ...


async def live_out(session: Mortal, lifetime: Lifetime, clock: Clock) -> str:
    """Return once a session's time is over, with the reason, in words for the log."""
    begun_ns = attended_ns = clock.now_ns()
    while True:
        now_ns = clock.now_ns()
        if session.over:
            return "over"
        if now_ns - begun_ns >= lifetime.max_duration_s * NS_PER_S:
            return "its time is up"
        if session.attended:
            attended_ns = now_ns
        elif now_ns - attended_ns >= lifetime.idle_timeout_s * NS_PER_S:
            return "nobody feeds or watches it"
        await clock.sleep_until(now_ns + NS_PER_S)
