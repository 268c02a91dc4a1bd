"""All that is sent, in order, and kept until the server is known to have it: a lost connection loses nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from lipwire.errors import ConnectionLost, LipwireError
from lipwire.items import Begin, Cut, Feel, Item, Listen, Mark, OfSpeech, Say, Sound, cost
from lipwire.speech import Speech

KEEP_BYTES = 16 * 1024 * 1024  # of what was written; a connection lets half of it be under way
QUEUE_BYTES = 64 * 1024  # of what was not written yet

Held = Literal["beginnings", "all"] | None  # what is not to be taken: utterances that begin, or anything


class Outbox:
    """A log with a place in it: before it what was written, behind it what is still to be.

    Bound: of what was written the last ``KEEP_BYTES``, older items are forgotten; of the rest ``QUEUE_BYTES``, past
    which :meth:`wait_for_room` waits, and one item for each who waited. Empty: :meth:`take` waits. One task takes. What
    the server has is said by its answer to an attach (:meth:`locate`), and by events that follow from it
    (:meth:`arrived`).
    """

    def __init__(self, keep_bytes: int = KEEP_BYTES) -> None:
        self._keep_bytes = keep_bytes
        self._written: deque[Item] = deque()
        self._queue: deque[Item] = deque()
        self._written_bytes = self._queue_bytes = 0
        self._forgotten: tuple[Speech, int] | None = None  # the newest sound that is not kept: up to which byte
        self._filled, self._room, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._failure: LipwireError | None = None
        self._held: Held = None
        self._recount()

    def __len__(self) -> int:
        """Bytes kept, with ``ITEM_BYTES`` for each item."""
        return self._written_bytes + self._queue_bytes

    # who says something

    def put(self, *items: Item) -> None:
        """Append."""
        self._queue.extend(items)
        self._note_queue(self._queue_bytes + sum(map(cost, items)))

    async def wait_for_room(self) -> None:
        """Return when there is room for another item.

        Raises:
            LipwireError: why there never will be.
        """
        while not self._room.is_set():
            await self._room.wait()
        self.require_life()

    async def wait_until_empty(self) -> None:
        """Return when everything is written; raises like :meth:`wait_for_room`."""
        await self._empty.wait()
        self.require_life()

    def require_life(self) -> None:
        """Raise what it failed of, if it has."""
        if self._failure is not None:
            raise self._failure

    @property
    def has_room(self) -> bool:
        """Whether :meth:`wait_for_room` would not wait."""
        return self._room.is_set()

    def cut(self, cut: Cut) -> Cut:
        """Append an interrupt, and drop all that it makes needless: not a mood.

        Returns the one that is not written yet, where there is one: it is as good.
        """
        waiting = next((item for item in self._queue if isinstance(item, Cut)), cut)
        self._queue = deque([*_latest_mood(self._queue), waiting])
        # their places are still needed, to know what the server has
        self._written = deque(replace(item, data=b"") if isinstance(item, Sound) else item for item in self._written)
        self._recount()
        return waiting

    def drop(self, speech: Speech) -> None:
        """Drop what is left to write of an utterance."""
        self._queue = deque(item for item in self._queue if not isinstance(item, OfSpeech) or item.speech is not speech)
        self._recount()

    def fail(self, error: LipwireError) -> None:
        """Let everybody who waits, now or later, raise it; the first one counts."""
        self._failure = self._failure or error
        self._room.set()
        self._empty.set()

    # who writes

    async def take(self) -> Item:
        """Wait for the next item to write; from now on it counts as written."""
        while not self._queue or self._is_held(self._queue[0]):
            self._filled.clear()
            await self._filled.wait()
        item = self._queue.popleft()
        self._written.append(item)
        self._written_bytes += cost(item)
        self._forget()
        self._note_queue(self._queue_bytes - cost(item))
        return item

    def hold(self, held: Held) -> None:
        """Let nothing that begins, or nothing at all, be taken from now on; None: let all go again."""
        self._held = held
        _let(self._filled, bool(self._queue))

    def restart(self, items: Iterable[Item]) -> None:
        """Have these written, and nothing else that there was: where they go, nothing of it is known."""
        self._queue, self._written, self._forgotten = deque(items), deque(), None
        self._recount()

    def _is_held(self, item: Item) -> bool:
        return self._held == "all" or (self._held == "beginnings" and isinstance(item, Begin | Say))

    # what the server has

    def waiting(self, item: Item) -> bool:
        """Whether an item is still to be written."""
        return item in self._queue

    def arrived(self, item: Item) -> None:
        """Learn that the server has an item, if it was written, and all before it."""
        if item in self._written:
            while self._written.popleft() != item:
                pass
            self._forgotten = None
            self._recount()

    def reached(self, mark: Mark) -> None:
        """Learn that a mark was played; if it was written twice that says nothing of what is before it."""
        self._written = deque(item for item in self._written if item != mark)
        self._queue = deque(item for item in self._queue if item != mark)
        self._recount()

    def locate(self, speech: Speech | None, received: int) -> None:
        """Learn that of all that was written the server has an utterance up to a byte, and no sound behind it.

        ``speech``: None where it has none that may still be on its way.

        Raises:
            ConnectionLost: when what comes next is not kept any more.
        """
        last: int | None = None
        for place, item in enumerate(self._written):
            if isinstance(item, Begin | Say | Sound) and item.speech is speech and _reached(item, received):
                last = place
        if last is None:
            lost = self._forgotten
            if lost is not None and not lost[0].over and (speech is not lost[0] or received < lost[1]):
                raise ConnectionLost("sound_lost", "The server lost more sound than this client keeps; start again.")
            return
        here, rest = self._written[last], list(self._written)[last + 1 :]
        if isinstance(here, Sound) and here.data and here.end > received:
            rest.insert(0, replace(here, data=here.data[received - here.start :]))
        self._written, self._forgotten = deque(rest), None
        self._recount()

    def rewind(self, torn: Speech | None) -> None:
        """Write again what the server is not known to have; what was before an interrupt need not be.

        ``torn``: an utterance whose beginning it has, and whose next piece now begins.
        """
        written = [item for item in self._written if not isinstance(item, Listen)]  # those were for then
        items = [*([] if torn is None else [Begin(torn)]), *written, *self._queue]
        cuts = [place for place, item in enumerate(items) if isinstance(item, Cut)]
        rest, mood = items[cuts[-1] if cuts else 0 :], _latest_mood(items)
        self._queue = deque(item for item in rest if not (_needless(item) or isinstance(item, Feel)))
        self._queue.extendleft(mood)
        self._written, self._forgotten = deque(), None
        self._recount()

    def sound_left(self, speech: Speech) -> int | None:
        """Return from which byte on an utterance's sound is in it; None where nothing is."""
        items = itertools.chain(self._written, self._queue)
        return next((item.start for item in items if isinstance(item, Sound) and item.speech is speech), None)

    def unbegun(self) -> set[Speech]:
        """Return the utterances whose beginning is still to be written."""
        return {item.speech for item in self._queue if isinstance(item, Begin | Say)}

    def unwritten(self) -> set[Speech]:
        """Return the utterances of which something is still to be written."""
        return {item.speech for item in self._queue if isinstance(item, OfSpeech)}

    def _forget(self) -> None:
        while self._written_bytes > self._keep_bytes and len(self._written) > 1:
            item = self._written.popleft()
            self._written_bytes -= cost(item)
            if isinstance(item, Sound):
                self._forgotten = (item.speech, item.end)

    def _recount(self) -> None:
        self._written_bytes = sum(map(cost, self._written))
        self._note_queue(sum(map(cost, self._queue)))

    def _note_queue(self, size: int) -> None:
        self._queue_bytes = size
        _let(self._filled, bool(self._queue))
        _let(self._empty, not self._queue or self._failure is not None)
        _let(self._room, size < QUEUE_BYTES or self._failure is not None)


def _let(event: asyncio.Event, so: bool) -> None:
    if so:
        event.set()
    else:
        event.clear()


def _reached(item: Begin | Say | Sound, received: int) -> bool:
    if not isinstance(item, Sound):
        return True
    # an interrupted one's sound is gone, and only its end is known
    return (item.start if item.data else item.end - 1) < received


def _needless(item: Item) -> bool:
    return isinstance(item, OfSpeech) and (item.speech.over or item.speech.cut)


def _latest_mood(items: Iterable[Item]) -> list[Feel]:
    return [item for item in items if isinstance(item, Feel)][-1:]
