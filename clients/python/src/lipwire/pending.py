"""What the server has still to answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from lipwire.events import Interrupted
from lipwire.items import Cut
from lipwire.speech import Speech


def _promise() -> asyncio.Future[Any]:
    """Make a future whose error nobody need wait for."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


@dataclass(eq=False)
class PendingMark:
    """A mark that has not come back. ``speech``: the one that it stands in or behind."""

    id: str
    speech: Speech | None
    reached: asyncio.Future[bool] = field(default_factory=_promise)

    def settle(self, reached: bool) -> None:
        """Tell who waits for it."""
        if not self.reached.done():
            self.reached.set_result(reached)


@dataclass(eq=False)
class PendingCut:
    """An interrupt that was not answered yet, and what it cuts."""

    cut: Cut
    speeches: list[Speech]
    marks: list[str]
    answer: asyncio.Future[Interrupted] = field(default_factory=_promise)
