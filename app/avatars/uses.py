"""When avatars of the shared store were used last, by any node."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

from app.objects.catalogue import Entry
from app.objects.shelf import Shelf

USED = "used"  # an object without a byte: when it was written is when somebody used the avatar last
NOTED_NS = 3600 * 1_000_000_000  # after the last note of it
DAY_NS = 24 * 3600 * 1_000_000_000


class Uses:
    """Gathers what this node uses, and tells the others by the store. For any thread.

    Bound: an id for each avatar that the store has.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf, self._guard = shelf, threading.Lock()
        self._used: set[str] = set()

    def note(self, id: str) -> None:
        """An avatar is used here."""
        with self._guard:
            self._used.add(id)

    def tell(self, keep_days: float, in_use: Collection[str] = ()) -> None:
        """Write down in the store what was used here, each at most once an hour.

        Raises:
            StoreAway: when that cannot be done; it is tried again then.
        """
        with self._guard:
            used = self._used | set(in_use)
        for id in used:
            entry = self._shelf.catalogue.get(id)
            if entry is not None and time.time_ns() - last_use_ns(entry) > min(NOTED_NS, keep_days * DAY_NS / 4):
                self._shelf.add(entry, USED, b"")
        with self._guard:
            self._used -= used


def last_use_ns(entry: Entry) -> int:
    """Return when an avatar was used last, or kept."""
    noted = entry.objects.get(USED)
    return max(entry.kept_ns, noted.changed_ns if noted is not None else 0)
