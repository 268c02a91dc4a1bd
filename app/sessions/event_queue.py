"""What listeners of a session have still to hear."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from app.errors import Refusal
from app.sessions.events import Draining, Failed, Moving, SessionEvent, Stats, Told

HISTORY = 2500  # events that are told again to who asks for them: an interrupt of all that may wait makes 1000 at once
QUEUE_LIMIT = 2 * HISTORY  # events for a listener that does not take them


class EventQueue(AsyncIterator[Told]):
    """A FIFO of events for one listener; iterate it.

    Bound: ``limit`` events. Full: the oldest :class:`Stats` go, as the next ones make them worthless; where there are
    none, the queue overflows: nothing else may be lost, so iterating raises ``not_reading``, and so does
    :meth:`overflow`, for a listener that is stuck with an event. Empty: iterating waits, and ends once the session has.
    On the event loop.
    """

    def __init__(self, limit: int = QUEUE_LIMIT, on_close: Callable[[EventQueue], None] = lambda queue: None) -> None:
        self._limit, self._on_close = limit, on_close
        self._items: deque[Told] = deque()
        self._stats = 0  # of those that wait
        self._changed = asyncio.Event()
        self._ended = False
        self._overflown = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, told: Told) -> None:
        """Append an event; never blocks, and never looks through what waits in vain."""
        if self._overflown.is_set() or (len(self._items) >= self._limit and not self._shed(told.event)):
            return
        self._items.append(told)
        self._stats += isinstance(told.event, Stats)
        self._changed.set()

    def end(self) -> None:
        """Let the listener finish: what waits is still heard."""
        self._ended = True
        self._changed.set()

    def close(self) -> None:
        """Stop listening; again is fine."""
        self._items.clear()
        self._stats = 0
        self.end()
        self._on_close(self)

    async def __anext__(self) -> Told:
        """Wait for the next event.

        Raises:
            Refusal: ``not_reading``.
        """
        while not self._overflown.is_set():
            if self._items:
                told = self._items.popleft()
                self._stats -= isinstance(told.event, Stats)
                return told
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
        if self._stats:
            stale = next(place for place, old in enumerate(self._items) if isinstance(old.event, Stats))
            del self._items[stale]
            self._stats -= 1
            return True
        if not isinstance(event, Stats):
            self._overflown.set()
            self._changed.set()
        return False


class Announcer:
    """Numbers a session's events and tells every listener.

    What it failed of, and that it is going to end, is told to whoever comes afterwards too.

    Bound: the last ``HISTORY`` events but :class:`Stats`, :class:`Draining` and :class:`Moving` are kept, for a
    listener that lost its connection.
    """

    def __init__(self) -> None:
        self._queues: list[EventQueue] = []
        self._history: deque[Told] = deque(maxlen=HISTORY)
        self._over = False
        self._leave: Callable[[], SessionEvent] | None = None  # tells of the session's end, where that is known
        self.last_seq = 0

    def listen(self, after: int | None = None) -> EventQueue:
        """Return a queue of all that happened after an event, None: of all from now on, until it is closed."""
        queue = EventQueue(on_close=self._forget)
        for told in self._history:
            if isinstance(told.event, Failed) or (after is not None and told.seq is not None and told.seq > after):
                queue.put(told)
        if self._over:
            queue.end()
            return queue
        if self._leave is not None:
            queue.put(Told(None, self._leave()))
        self._queues.append(queue)
        return queue

    def announce(self, event: SessionEvent) -> None:
        """Tell an event."""
        if isinstance(event, Stats | Draining | Moving):
            told = Told(None, event)
        else:
            self.last_seq += 1
            told = Told(self.last_seq, event)
            self._history.append(told)
        for queue in self._queues:
            queue.put(told)

    def take_leave(self, leave: Callable[[], SessionEvent]) -> None:
        """Tell everybody who listens, or will, that the session is going to end; ``leave`` says when, as of now."""
        self._leave = leave
        if not self._over:
            self.announce(leave())

    def end(self) -> None:
        """Say that nothing more happens; again is fine."""
        self._over = True
        for queue in self._queues:
            queue.end()
        self._queues.clear()

    def _forget(self, queue: EventQueue) -> None:
        if queue in self._queues:
            self._queues.remove(queue)
