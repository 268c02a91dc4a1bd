"""How much one key may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """Of one key: sessions at once, minutes of sessions a day (UTC), avatars, megabytes of avatars and recordings.

    0 is any number.
    """

    sessions: int = 0
    minutes: float = 0
    avatars: int = 0
    megabytes: float = 0

    @property
    def bytes(self) -> int:
        """Bytes of avatars and recordings."""
        return round(self.megabytes * 1_000_000)
