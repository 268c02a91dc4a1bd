"""What every way out to another server has in common: one attempt, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from app.errors import Refusal


class PushFailed(Refusal):
    """A push ended, or never began.

    ``refused``: the server said no, and asking again is not likely to help. ``retry_after_s``: it named a time.
    """

    def __init__(self, code: str, message: str, refused: bool = False, retry_after_s: float = 0.0) -> None:
        super().__init__(code, message)
        self.refused, self.retry_after_s = refused, retry_after_s


class Push(Protocol):
    """A session's way to one server."""

    async def run(self, on_live: Callable[[], None]) -> None:
        """Connect, and push until the connection is lost; ``on_live`` is called once the server takes media.

        Cancel it to stop; it takes its leave of the server then, within a few seconds.

        Raises:
            PushFailed: always, unless it is cancelled.
        """
        ...


async def until_first(*works: Coroutine[Any, Any, None]) -> None:
    """Do several things at a time until the first of them ends or fails, and cancel the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
