"""What goes on beside a session's calls: tasks that name it, and end with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from app.log_context import SESSION, for_session

logger = logging.getLogger(__name__)


class SessionTasks:
    """One session's tasks, on the event loop. ``on_death`` is told where one fails."""

    def __init__(self, id: str, on_death: Callable[[], None]) -> None:
        self._id, self._on_death = id, on_death
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin some work."""
        whose = copy_context()  # a session's tasks name it, whoever had them begun
        whose.run(SESSION.set, self._id)
        task = asyncio.create_task(work, name=f"{name} {self._id}", context=whose)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def aclose(self) -> None:
        """Cancel what goes on, and wait until it has ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            with for_session(self._id):
                logger.error("session %s: %s died", self._id, task.get_name(), exc_info=error)
            self._on_death()
