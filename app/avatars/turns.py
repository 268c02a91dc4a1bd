"""Whose turn it is to change an avatar's copy: one at a time, of each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock for each id that somebody holds or waits for. For any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[str, _Turn] = {}

    @contextmanager
    def of(self, id: str) -> Iterator[None]:
        """Keep others out until the end."""
        with self._guard:
            turn = self._held.setdefault(id, _Turn())
            turn.wanted += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._guard:
                turn.wanted -= 1
                if turn.wanted == 0:
                    del self._held[id]

    def is_held(self, id: str) -> bool:
        """Whether somebody has it now."""
        with self._guard:
            return id in self._held


class _Turn:
    def __init__(self) -> None:
        self.lock, self.wanted = threading.Lock(), 0
