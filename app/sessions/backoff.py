"""How long to wait before the next try."""

from __future__ import annotations

FIRST_S = 1.0
MOST_S = 30.0
SPREAD = 0.2  # of the time, either way: many who lost the same server do not all come back at once


class Backoff:
    """Waits that double from 1 to 30 s. Reads no clock and throws no dice."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def next_s(self, chance: float) -> float:
        """Return the next wait; ``chance``, 0…1, says where in its spread."""
        wait_s = self._next_s * (1 + SPREAD * (2 * chance - 1))
        self._next_s = min(2 * self._next_s, MOST_S)
        return wait_s

    def reset(self) -> None:
        """Begin anew: what was tried worked."""
        self._next_s = FIRST_S
