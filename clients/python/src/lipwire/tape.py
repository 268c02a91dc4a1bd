"""What was said and not heard: told again where the session has to live on elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace

from lipwire.errors import ConnectionLost
from lipwire.items import Begin, Item, Mark, OfSpeech, Say, Sound, cost
from lipwire.speech import Speech

KEEP_BYTES = 16 * 1024 * 1024


class Tape:
    """Everything that has not finished, in its order. The sound is the outbox's own, not another copy.

    Bound: ``keep_bytes``, past which the oldest items are forgotten; 0 where a session lives and dies in one place, and
    nothing need be kept.
    """

    def __init__(self, keep_bytes: int = KEEP_BYTES) -> None:
        self._keep_bytes = keep_bytes
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._forgotten: dict[Speech, int] = {}  # of those that have not finished: up to which byte

    def __len__(self) -> int:
        """Bytes kept, with ``ITEM_BYTES`` for each item."""
        return self._bytes

    def put(self, item: Item) -> None:
        """Append."""
        if not self._keep_bytes:
            return
        self._items.append(item)
        self._bytes += cost(item)
        while self._bytes > self._keep_bytes and len(self._items) > 1:
            oldest = self._items.popleft()
            self._bytes -= cost(oldest)
            if isinstance(oldest, Sound):
                self._forgotten[oldest.speech] = oldest.end
            elif isinstance(oldest, Say):
                self._forgotten[oldest.speech] = sys.maxsize
            elif isinstance(oldest, Begin):
                self._forgotten[oldest.speech] = 0

    def drop(self, speech: Speech) -> None:
        """Forget an utterance, which is over."""
        self._keep(item for item in self._items if not isinstance(item, OfSpeech) or item.speech is not speech)
        self._forgotten.pop(speech, None)

    def reached(self, mark: Mark) -> None:
        """Forget a mark, which was reached or never will be."""
        self._keep(item for item in self._items if item != mark)

    def clear(self) -> None:
        """Forget all: it was interrupted."""
        self._keep(())
        self._forgotten.clear()

    def is_text(self, speech: Speech) -> bool:
        """Whether an utterance is a text, of which the server alone has the sound."""
        return any(isinstance(item, Say) and item.speech is speech for item in self._items)

    def rest(self, heard: Mapping[Speech, int]) -> list[Item]:
        """Return what is to be said elsewhere: all but the bytes of each utterance that were heard.

        Raises:
            ConnectionLost: when some of it is not kept any more.
        """
        for speech, end in self._forgotten.items():
            if heard.get(speech, 0) < end:
                raise ConnectionLost("sound_lost", "The server lost more sound than this client keeps; start again.")
        rest: list[Item] = [Begin(speech) for speech in self._forgotten]  # of which something is kept, or follows
        for item in self._items:
            if isinstance(item, Sound):
                start = heard.get(item.speech, 0)
                if item.end > start:
                    rest.append(replace(item, data=item.data[max(0, start - item.start) :]))
            else:
                rest.append(item)
        return rest

    def _keep(self, items: Iterable[Item]) -> None:
        self._items = deque(items)
        self._bytes = sum(map(cost, self._items))
