"""What one subscriber has still to take of what a session encoded once for all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Encoded:
    """One picture or 20 ms of sound, coded. ``pts`` in the stream's clock, from the epoch. ``key``: needs no other."""

    pts: int
    data: bytes
    key: bool


class Subscriber(Protocol):
    """Who takes what a session encoded, as it comes, on the event loop."""

    dropped: int  # packets that it was too slow for

    @property
    def target_bitrate(self) -> int | None:
        """Bit/s that it says it can take; None: it has not said."""
        ...

    @property
    def congested(self) -> bool:
        """Whether that is a limit, and not just all that was sent so far."""
        ...

    def put(self, encoded: Encoded) -> None:
        """Take a packet; never blocks."""
        ...


class Subscription:
    """A FIFO of packets for one reader.

    Bound: ``limit`` packets. Full: all that waits is dropped and counted, and nothing more is taken before the next
    key packet, which ``on_loss`` is called to ask for: what follows a gap cannot be decoded. (Every packet of sound is
    a key.) Empty: :meth:`next` waits. A slow reader so hurts only itself. All on the event loop.
    """

    def __init__(self, limit: int, on_loss: Callable[[], None] = lambda: None) -> None:
        self._limit, self._on_loss = limit, on_loss
        self._items: deque[Encoded] = deque()
        self._filled = asyncio.Event()
        self._broken = True  # a newcomer begins with a key packet too,
        self._begun = False  # and has lost nothing before it
        self.dropped = 0
        self.target_bitrate: int | None = None
        self.congested = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, encoded: Encoded) -> None:
        """Append a packet; never blocks."""
        if len(self._items) >= self._limit:
            self.dropped += len(self._items)
            self._items.clear()
            self._broken = True
            if not encoded.key:
                self._on_loss()
        if self._broken and not encoded.key:
            self.dropped += self._begun
            return
        self._broken, self._begun = False, True
        self._items.append(encoded)
        self._filled.set()

    async def next(self) -> Encoded:
        """Wait for the next packet and take it."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()
