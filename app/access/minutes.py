"""How long each key had sessions today, kept across restarts."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from datetime import date
from pathlib import Path

logger = logging.getLogger(__name__)

USAGE = "usage.json"  # in the data folder
MOST_DAYS = 3  # today, and those about it: a clock that is set wrong for a while must give nobody another day
MAX_BYTES = 16 * 1024 * 1024


class Minutes:
    """Seconds of sessions by day (UTC) and key. On the event loop, but for :meth:`load` and :meth:`write`, which block.

    Bound: the keys that were used on ``MOST_DAYS`` days; full: the day that is farthest from today goes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._days: dict[str, dict[str, float]] = {}
        self._written = b"{}"

    def load(self) -> None:
        """Read what was kept; where that is damaged, begin anew and say so."""
        try:
            with self._path.open("rb") as file:
                stored = json.loads(file.read(MAX_BYTES))
            self._days = {
                date.fromisoformat(day).isoformat(): {str(key): max(0.0, float(used)) for key, used in keys.items()}
                for day, keys in stored.items()
            }
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            logger.warning("keys: %s cannot be read, today's minutes begin anew: %s", self._path, error)

    def used_s(self, key: str, today: date) -> float:
        """Return how many seconds a key has used today."""
        return self._days.get(today.isoformat(), {}).get(key, 0.0)

    def all_used_s(self, today: date) -> dict[str, float]:
        """Return how many seconds each key has used today."""
        return dict(self._days.get(today.isoformat(), {}))

    def add(self, key: str, seconds: float, today: date) -> None:
        """Count some for a key."""
        day = self._days.setdefault(today.isoformat(), {})
        day[key] = day.get(key, 0.0) + seconds
        while len(self._days) > MOST_DAYS:
            del self._days[max(self._days, key=lambda each: abs(date.fromisoformat(each) - today))]

    def unwritten(self) -> bytes | None:
        """Return what :meth:`write` should keep, None where nothing has changed."""
        days = {day: {key: round(used, 1) for key, used in keys.items()} for day, keys in self._days.items()}
        text = json.dumps(days).encode()
        return None if text == self._written else text

    def write(self, text: bytes) -> None:
        """Put it into the place of what was kept; one at a time.

        Raises:
            OSError: when it cannot be written; the old file stays.
        """
        draft = self._path.with_name(self._path.name + ".part")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(text)
            os.replace(draft, self._path)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise
        self._written = text
