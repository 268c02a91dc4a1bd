"""Leaving a server that is being emptied, for where the session is to live."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from lipwire.backoff import delays_s
from lipwire.connection import Connection
from lipwire.errors import ConnectionLost, LipwireError
from lipwire.feed import Feed
from lipwire.home import Home, Move

logger = logging.getLogger("lipwire")

MARGIN_S = 3.0  # before the session ends where it was, to go on elsewhere with what was not heard
CUT_S = 2.0  # for the old place to say how much of it that is


class Departure:
    """Waits between two utterances, or for as long as there is, and attaches elsewhere.

    From :meth:`ask` on no utterance begins where the session was.
    """

    def __init__(self, home: Home, feed: Feed, connection: Connection) -> None:
        self._home, self._feed, self._connection = home, feed, connection
        self._asked = asyncio.Event()
        self._until = 0.0
        self._clock = asyncio.get_running_loop().time

    def ask(self, move: Move) -> None:
        """Say where the session is to live; again is fine."""
        self._home.expect_move(move)
        self._until = move.until
        self._asked.set()

    async def leave(self) -> Connection:
        """Wait until it was asked for, and return a connection to the new place.

        Raises:
            LipwireError: how the old one ended meanwhile, or why there is no way on.
        """
        await self._asked.wait()
        self._feed.outbox.hold("beginnings")
        begun_at = self._clock()
        latest = max(begun_at, self._until - min(MARGIN_S, (self._until - begun_at) / 2))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._feed.wait_until_settled(), latest - begun_at)
        self._feed.outbox.hold("all")
        if not self._feed.settled:
            await self._cut()
        for delay_s in delays_s():
            try:
                return await self._home.attach_to_twin()
            except LipwireError as error:
                if self._clock() + delay_s > self._until:
                    raise ConnectionLost("connection_lost", f"It could not be followed: {error.message}") from error
            await asyncio.sleep(delay_s)
        raise AssertionError("delays never end")

    async def _cut(self) -> None:
        """Have the old place drop what it has not played, and say how much that is."""
        handed_over = self._feed.hand_over()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._connection.interrupt(), CUT_S)
            await asyncio.wait_for(asyncio.shield(handed_over), CUT_S)
            return
        logger.warning("the server did not say how much was heard; the rest follows from where it should be")
