"""What one iterator over events has still to take."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from lipwire.errors import LipwireError, NotReading
from lipwire.events import Event, Stats

LIMIT = 4096


class Subscription(AsyncIterator[Event]):
    """A FIFO of events for one listener.

    Bound: ``limit`` events. Of :class:`Stats` only the newest waits; past the bound nothing more is taken, and
    iterating raises :class:`NotReading` at the end. Empty: iterating waits, and ends when the face does: with the error
    that ended it, if one did. ``on_close`` is called when nobody can iterate any more.
    """

    def __init__(self, on_close: Callable[[Subscription], None], limit: int = LIMIT) -> None:
        self._on_close, self._limit = on_close, limit
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._ended = False
        self._error: LipwireError | None = None

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Event) -> None:
        """Append an event; never waits."""
        if self._ended:
            return
        if isinstance(event, Stats):
            stale = next((old for old in self._events if isinstance(old, Stats)), None)
            if stale is not None:
                self._events.remove(stale)
        if len(self._events) >= self._limit:
            self.end(NotReading("not_reading", f"{self._limit} events wait to be taken; take them as they come."))
            return
        self._events.append(event)
        self._changed.set()

    def end(self, error: LipwireError | None = None) -> None:
        """Let the listener finish; what waits is still heard."""
        if not self._ended:
            self._ended, self._error = True, error
            self._changed.set()
            self._on_close(self)

    async def __anext__(self) -> Event:
        while not self._events:
            if self._ended:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()


class Subscribers:
    """Tells every listener. Bound: as many as iterate."""

    def __init__(self) -> None:
        self._all: list[Subscription] = []
        self._ended = False
        self._error: LipwireError | None = None

    def listen(self) -> Subscription:
        """Return an iterator over what happens from now on."""
        subscription = Subscription(self._forget)
        self._all.append(subscription)
        if self._ended:
            subscription.end(self._error)
        return subscription

    def announce(self, event: Event) -> None:
        """Tell an event."""
        for subscription in list(self._all):
            subscription.put(event)

    def end(self, error: LipwireError | None) -> None:
        """Say that nothing more happens; the first time counts."""
        if not self._ended:
            self._ended, self._error = True, error
            for subscription in list(self._all):
                subscription.end(error)

    def _forget(self, subscription: Subscription) -> None:
        if subscription in self._all:
            self._all.remove(subscription)
