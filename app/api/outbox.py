"""What is still to be said to a client."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

Message = dict[str, Any]

SHED = "stats"  # the one kind of message that the next makes worthless


class Outbox:
    """A FIFO of messages for one writer.

    Bound: ``limit`` messages. Full: the oldest ``stats`` go; where there are none, :meth:`put` says so, as nothing else
    may be lost. Empty: :meth:`get` waits. On the event loop.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[Message] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, event: Message) -> bool:
        """Append a message; returns False where one that is not ``stats`` found no room."""
        if len(self._items) >= self._limit:
            stale = next((old for old in self._items if old["type"] == SHED), None)
            if stale is None:
                return bool(event["type"] == SHED)
            self._items.remove(stale)
        self._items.append(event)
        self._filled.set()
        return True

    async def get(self) -> Message:
        """Wait for a message and take it."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()

    def take_all(self) -> list[Message]:
        """Take what is left."""
        left = list(self._items)
        self._items.clear()
        return left
