"""One lease: that somebody counts a session of a stage, for as long as they listen."""

from __future__ import annotations

import asyncio
from typing import Any

Item = dict[str, Any]  # of a lease's stream, and what is wished for: JSON
ALIVE_S = 5.0
ALIVE: Item = {"alive": True}


class StageLost(Exception):
    """The stage has ended or died, or could not start; the log says why."""


class Lease:
    """What one call of ``hold`` gets. On the stage's event loop, but for its making.

    ``first``: the answer, once there is one. ``told``: whether it has reached who asked; ``is_lost``: nobody listens.
    """

    def __init__(self) -> None:
        self.first: Item | None = None
        self.told = self.is_lost = False
        self._ended = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether what it stands for has ended."""
        return self._ended.is_set()

    def end(self) -> None:
        """What it stands for has ended; again is fine."""
        self._ended.set()

    async def next(self) -> Item | None:
        """Wait for what is to be said next; None: it is over."""
        try:
            async with asyncio.timeout(ALIVE_S):
                await self._ended.wait()
        except TimeoutError:
            return dict(ALIVE)
        return None
