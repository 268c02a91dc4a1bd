"""What a face shows while nothing plays: pictures drawn as they are needed, away from the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import cv2
import numpy as np

from app.emphasis import CALM, Emphasis
from app.inference.engine import Prepared
from app.inference.expression import NEUTRAL, Expression
from app.inference.looks import PLAIN, Looks
from app.media import I420

CLOSING_SLOTS = 3  # over which a mouth comes to rest after the last picture that was played
PATIENCE_S = 0.02  # half a slot: who shows a picture waits no longer for it


class DeferredFrame:
    """A picture that is being drawn. ``instead`` is asked, with what is shown, where it cannot be had."""

    def __init__(self, drawing: asyncio.Future[I420], instead: Callable[[I420 | None], I420]) -> None:
        self._drawing, self._instead = drawing, instead

    async def ready(self, shown: I420 | None) -> I420:
        """Wait for it; where it comes too late, return the newest there is, or what is ``shown`` already."""
        await asyncio.wait({self._drawing}, timeout=None if shown is None else PATIENCE_S)
        if not self._drawing.done() or self._drawing.cancelled() or self._drawing.exception() is not None:
            return self._instead(shown)
        return self._drawing.result()


Picture = I420 | DeferredFrame


class Audience(Protocol):
    """Who looks at a face."""

    @property
    def watched(self) -> bool:
        """Whether anybody does."""
        ...


@dataclass(frozen=True, slots=True)
class _Order:
    """What a picture at rest depends on. ``slot``: since the face spoke, while its mouth closes."""

    position: int
    emphasis: Emphasis = CALM
    expression: Expression = NEUTRAL
    slot: int = 0


class IdleRenderer:
    """One session's face at rest.

    A face without life is a picture, there at once. One with life, or of a video, is drawn by ``pool`` between the
    pacer's releasing a slot and its being shown, and so is every face in the ``CLOSING_SLOTS`` after it spoke, as a
    cross-fade from the picture played to the one at rest (0.4 ms of 1080 × 1080 pixels; one played picture is kept for
    it). Bound: ``orders_high`` pictures, as many slots as wait to be shown; full: the last one again, and at rest where
    there is no life; counted. Nothing is drawn while nobody looks. ``on_failure`` is told once when drawing fails. All
    on the event loop.
    """

    def __init__(
        self,
        prepared: Prepared,
        pool: Executor,
        orders_high: int,
        audience: Audience,
        on_failure: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._prepared, self._pool, self._audience, self._on_failure = prepared, pool, audience, on_failure
        self._orders_high = orders_high
        self._orders: deque[asyncio.Future[I420]] = deque()
        self._order_count = 0
        self._ordered: _Order | None = None  # the last one
        self._looks = PLAIN
        self._begin = prepared.idle_frame(0)
        self._picture: Picture = self._begin
        self._newest: I420 | None = None
        self._newest_number = 0  # of its order; what was ordered before is not wanted as the newest
        self._played: I420 | None = None  # until its mouth is at rest
        self._closing_slot = 0
        self._emphasis, self._spoke_at = CALM, 0
        self._closed = False
        self.repeated = self.late = 0

    def show(self, looks: Looks) -> None:
        """Let the face look otherwise in whatever is ordered from now; one without life does not."""
        self._looks = looks

    def calm(self) -> None:
        """Draw the face without its life in whatever is ordered from now."""
        self._prepared = self._prepared.without_idle_motion()
        self._outdate()

    def follow(self, position: int, played: I420, emphasis: Emphasis) -> None:
        """Note where in its time the face spoke, with which picture and how strongly: it comes to rest from there."""
        self._spoke_at, self._emphasis = position, emphasis
        self._played, self._closing_slot = played, 0
        self._outdate()

    def interrupt(self) -> None:
        """Give up what is not drawn yet, and what was played: the mouth is at rest in whatever is ordered from now."""
        self._cancel()
        self._played = None
        self._outdate()

    def picture(self, position: int) -> Picture:
        """Return the picture at a position of the avatar's time; drawing it takes until it is shown."""
        if self._closed or not self._audience.watched:
            self._played = None  # whoever comes later sees no mouth of then
            return self._begin if self._prepared.moving else self._prepared.idle_frame(position)
        played, slot = self._on_its_way()
        idle_motion = self._prepared.idle_motion
        if self._prepared.moving:  # its frames are read from the disk
            if played is None:
                return self._order(_Order(position), partial(self._prepared.idle_frame, position))
            return self._order(
                _Order(position, slot=slot), lambda: _closing(played, slot, self._prepared.idle_frame(position))
            )
        if idle_motion is None:
            self._picture = rest = self._prepared.idle_frame(position)
            if played is None or played is rest:
                return rest
            return self._order(_Order(position, slot=slot), lambda: _closing(played, slot, rest))
        emphasis = self._emphasis.after(max(0, position - self._spoke_at))
        at = (position, emphasis, self._looks.at(position))
        if played is None:
            return self._order(_Order(*at, 0), partial(idle_motion.at_rest, *at))
        return self._order(_Order(*at, slot), lambda: _closing(played, slot, idle_motion.at_rest(*at)))

    def close(self) -> None:
        """Give up what is not drawn yet; again is fine."""
        self._closed = True
        self._cancel()

    def _on_its_way(self) -> tuple[I420 | None, int]:
        """Return the picture that was played and the slot since, from 1; None where the mouth is at rest."""
        if self._played is not None:
            self._closing_slot += 1
            if self._closing_slot > CLOSING_SLOTS:
                self._played = None
        return self._played, self._closing_slot

    def _order(self, order: _Order, draw: Callable[[], I420]) -> Picture:
        if order == self._ordered:  # the avatar's time stands still
            return self._picture
        while self._orders and self._orders[0].done():
            self._orders.popleft()
        if len(self._orders) >= self._orders_high:
            self.repeated += 1
            return self._picture
        drawing = asyncio.get_running_loop().run_in_executor(self._pool, draw)
        self._order_count += 1
        drawing.add_done_callback(partial(self._drawn, self._order_count))
        self._orders.append(drawing)
        self._ordered, self._picture = order, DeferredFrame(drawing, partial(self._instead, order.position))
        return self._picture

    def _drawn(self, number: int, drawing: asyncio.Future[I420]) -> None:
        if drawing.cancelled():
            return
        error = drawing.exception()  # in any case: asyncio complains of errors that nobody looked at
        if error is not None:
            if not self._closed:
                self.close()
                self._on_failure(error)
        elif number > self._newest_number:  # with several threads an older one may end later
            self._newest, self._newest_number = drawing.result(), number

    def _instead(self, position: int, shown: I420 | None) -> I420:
        self.late += 1
        best = shown if self._newest is None else self._newest
        if best is None:
            return self._begin if self._prepared.moving else self._prepared.idle_frame(position)
        return best

    def _outdate(self) -> None:
        """Let nothing that was ordered so far be the newest, nor be given again."""
        self._newest, self._newest_number = None, self._order_count
        self._ordered = None

    def _cancel(self) -> None:
        for drawing in self._orders:
            drawing.cancel()
        self._orders.clear()


def _closing(played: I420, slot: int, rest: I420) -> I420:
    """Return what lies so many slots of ``CLOSING_SLOTS`` between two pictures."""
    if rest is played:
        return rest
    share = slot / (CLOSING_SLOTS + 1)
    return np.asarray(cv2.addWeighted(played, 1 - share, rest, share, 0), np.uint8)
