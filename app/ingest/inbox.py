"""What has been read from the socket and not yet been sliced."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

Note = TypeVar("Note")  # what may stand between the bytes

FREE_BYTES = 1024 * 1024  # that an inbox may hold however much there is in others
ITEM_BYTES = 100  # for each message beside its sound: an empty one takes room too


class Waiting:
    """How much waits in several inboxes. Bound: ``most`` bytes; full: inboxes with more than ``FREE_BYTES`` are."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether there is too much."""
        return self.bytes >= self._most


class PcmInbox(Generic[Note]):
    """A FIFO of messages between the route, which must stay free to hear an interrupt, and the pump.

    Bound: ``high`` bytes, every message counting for ``ITEM_BYTES`` more than its sound, and the one message that
    reached the mark (the protocol limits its size); less where ``waiting``, which counts all inboxes, is full. Full:
    :meth:`wait_for_room` blocks, the route stops reading, and TCP slows the sender; at ``low`` it goes on.
    Empty: :meth:`get` waits.
    """

    def __init__(self, high: int, waiting: Waiting | None = None) -> None:
        self._high, self._low = high, high // 2
        self._waiting = waiting or Waiting(high)
        self._items: deque[bytes | Note] = deque()
        self._bytes = 0
        self._filled, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        """Bytes waiting, with ``ITEM_BYTES`` for each message."""
        return self._bytes

    @property
    def has_room(self) -> bool:
        """Whether nobody would wait."""
        return self._room.is_set()

    async def wait_for_room(self) -> None:
        """Return when there is room for another message."""
        await self._room.wait()

    def put(self, item: bytes | Note) -> None:
        """Append bytes, or a note at this place between them."""
        self._items.append(item)
        self._count(_cost(item))
        self._filled.set()

    async def get(self) -> bytes | Note:
        """Wait for an item and take it."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        item = self._items.popleft()
        self._count(-_cost(item))
        return item

    def clear(self) -> None:
        """Discard everything, for an interrupt."""
        self._items.clear()
        self._count(-self._bytes)

    def _count(self, change: int) -> None:
        self._bytes += change
        self._waiting.bytes += change
        if self._bytes >= self._high or (self._waiting.is_full and self._bytes >= FREE_BYTES):
            self._room.clear()
        elif self._bytes <= self._low:
            self._room.set()


def _cost(item: object) -> int:
    return ITEM_BYTES + (len(item) if isinstance(item, bytes) else 0)
