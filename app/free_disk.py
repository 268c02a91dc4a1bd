"""How much a disk still takes, asked so that one which does not answer keeps nobody."""

from __future__ import annotations

import asyncio
import math
import shutil
from pathlib import Path

PATIENCE_S = 1.0


class FreeDisk:
    """The disk of a folder. On the event loop; the question is asked in a thread, one at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: asyncio.Future[tuple[float, float]] | None = None
        self.free_bytes = self.size_bytes = math.nan  # until it has answered

    async def read(self) -> None:
        """Ask, and wait a moment for the answer; where none comes both figures are unknown, and it is not asked again
        before it has answered."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(asyncio.to_thread(self._ask))
        await asyncio.wait({self._asked}, timeout=PATIENCE_S)
        self.free_bytes, self.size_bytes = self._asked.result() if self._asked.done() else (math.nan, math.nan)

    def _ask(self) -> tuple[float, float]:
        folder = self._folder
        while not folder.exists() and folder != folder.parent:  # nobody has uploaded anything yet
            folder = folder.parent
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            return math.nan, math.nan
        return usage.free, usage.total
