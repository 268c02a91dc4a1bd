"""What listeners of a session have still to hear."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from app.errors import Refusal
from app.sessions.events import Failed, SessionEvent, Stats

QUEUE_LIMIT = 256  # events for a listener that does not take them


class EventQueue(AsyncIterator[SessionEvent]):
    """A FIFO of events for one listener; iterate it.

    Bound: ``limit`` events. Full: the oldest :class:`Stats` go, as the next ones make them worthless; where there are
    none, the queue overflows: nothing else may be lost, so iterating raises ``not_reading``, and so does
    :meth:`overflow`, for a listener that is stuck with an event. Empty: iterating waits, and ends once the session has.
    On the event loop.
    """

    def __init__(self, limit: int = QUEUE_LIMIT, on_close: Callable[[EventQueue], None] = lambda queue: None) -> None:
        self._limit, self._on_close = limit, on_close
        self._items: deque[SessionEvent] = deque()
        self._changed = asyncio.Event()
        self._ended = False
        self._overflown = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, event: SessionEvent) -> None:
        """Append an event; never blocks."""
        if len(self._items) >= self._limit and not self._shed(event):
            return
        self._items.append(event)
        self._changed.set()

    def end(self) -> None:
        """Let the listener finish: what waits is still heard."""
        self._ended = True
        self._changed.set()

    def close(self) -> None:
        """Stop listening; again is fine."""
        self._items.clear()
        self.end()
        self._on_close(self)

    async def __anext__(self) -> SessionEvent:
        """Wait for the next event.

        Raises:
            Refusal: ``not_reading``.
        """
        while not self._overflown.is_set():
            if self._items:
                return self._items.popleft()
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        raise self._refusal()

    async def overflow(self) -> None:
        """Wait for the queue to overflow, which may be for ever.

        Raises:
            Refusal: ``not_reading``.
        """
        await self._overflown.wait()
        raise self._refusal()

    def _refusal(self) -> Refusal:
        return Refusal("not_reading", f"{self._limit} messages wait to be read; read them as they come.")

    def _shed(self, event: SessionEvent) -> bool:
        """Make room for an event; returns False where it must be dropped itself."""
        stale = next((old for old in self._items if isinstance(old, Stats)), None)
        if stale is not None:
            self._items.remove(stale)
            return True
        if not isinstance(event, Stats):
            self._overflown.set()
            self._changed.set()
        return False


class Announcer:
    """Tells every listener of one session. What it failed of is told to whoever listens afterwards too."""

    def __init__(self) -> None:
        self._queues: list[EventQueue] = []
        self._failed: Failed | None = None
        self._over = False

    def listen(self) -> EventQueue:
        """Return a queue of all that happens from now on, until it is closed."""
        queue = EventQueue(on_close=self._forget)
        if self._failed is not None:
            queue.put(self._failed)
        if self._over:
            queue.end()
        else:
            self._queues.append(queue)
        return queue

    def announce(self, event: SessionEvent) -> None:
        """Tell an event."""
        if isinstance(event, Failed):
            self._failed = event
        for queue in self._queues:
            queue.put(event)

    def end(self) -> None:
        """Say that nothing more happens; again is fine."""
        self._over = True
        for queue in self._queues:
            queue.end()
        self._queues.clear()

    def _forget(self, queue: EventQueue) -> None:
        if queue in self._queues:
            self._queues.remove(queue)
