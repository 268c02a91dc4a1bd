"""What a face shows while nothing plays: pictures drawn as they are needed, away from the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from app.inference.engine import Prepared
from app.media import Image

ORDERS_HIGH = 5  # pictures that one session may wait for: as many slots as Buffer B holds
EASING = 0.86  # of the head's emphasis is left after each slot without a voice
AT_REST = 0.01  # less emphasis than this moves no head
PATIENCE_S = 0.02  # half a slot: who shows a picture waits no longer for it


class OrderedPicture:
    """A picture that is being drawn."""

    def __init__(self, drawing: asyncio.Future[Image], newest: Callable[[], Image | None]) -> None:
        self._drawing, self._newest = drawing, newest

    async def ready(self, shown: Image | None) -> Image:
        """Wait for it; where it comes too late, return the newest there is, or what is ``shown`` already."""
        if shown is not None:
            await asyncio.wait({self._drawing}, timeout=PATIENCE_S)
            if not self._drawing.done() or self._drawing.cancelled() or self._drawing.exception() is not None:
                newest = self._newest()
                return shown if newest is None else newest
        return await self._drawing


Picture = Image | OrderedPicture


class Resting:
    """One session's face at rest.

    A face without life is a picture, there at once. One with life is drawn by ``pool`` between the pacer's releasing a
    slot and its being shown. Bound: ``ORDERS_HIGH`` pictures; full: the last one again, counted. ``on_failure`` is
    told once when drawing fails. All on the event loop.
    """

    def __init__(
        self, prepared: Prepared, pool: Executor, on_failure: Callable[[BaseException], None] = lambda error: None
    ) -> None:
        self._prepared, self._pool, self._on_failure = prepared, pool, on_failure
        self._orders: deque[asyncio.Future[Image]] = deque()
        self._ordered: tuple[int, float] | None = None  # the last order's position and emphasis
        self._picture: Picture = prepared.rest(0)
        self._newest: Image | None = None
        self._emphasis, self._spoke_at = 0.0, 0
        self._closed = False
        self.repeated = 0

    def follow(self, position: int, emphasis: float) -> None:
        """Note where in its time the face spoke, and how strongly: the head goes on from there."""
        self._spoke_at, self._emphasis = position, emphasis
        self._newest = None  # it is older than what was spoken

    def picture(self, position: int) -> Picture:
        """Return the picture at a position of the avatar's time; drawing it takes until it is shown."""
        life = self._prepared.life
        if life is None:
            return self._prepared.rest(position)
        while self._orders and self._orders[0].done():
            self._orders.popleft()
        emphasis = self._emphasis * EASING ** max(0, position - self._spoke_at)
        # while the head comes to rest it moves faster than at rest
        order = (life.stands_for(position), 0.0) if emphasis < AT_REST else (position, emphasis)
        if order == self._ordered:  # the avatar's time stands still
            return self._picture
        if len(self._orders) >= ORDERS_HIGH:
            self.repeated += 1
            return self._picture
        drawing = asyncio.get_running_loop().run_in_executor(self._pool, life.at_rest, *order)
        drawing.add_done_callback(self._drawn)
        self._orders.append(drawing)
        self._ordered, self._picture = order, OrderedPicture(drawing, lambda: self._newest)
        return self._picture

    def close(self) -> None:
        """Give up what is not drawn yet; again is fine."""
        self._closed = True
        for drawing in self._orders:
            drawing.cancel()
        self._orders.clear()

    def _drawn(self, drawing: asyncio.Future[Image]) -> None:
        if drawing.cancelled() or self._closed:
            return
        if (error := drawing.exception()) is not None:
            self._closed = True
            self._on_failure(error)
        else:
            self._newest = drawing.result()
