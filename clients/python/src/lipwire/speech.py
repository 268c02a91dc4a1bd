"""An utterance as the client keeps count of it."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from lipwire.errors import LipwireError
from lipwire.mood import Mood
from lipwire.pcm import PcmFormat


class Played(NamedTuple):
    """How an utterance ended. ``played_ms``: how much of it viewers were sent. ``interrupted``: whether it was cut."""

    played_ms: int
    interrupted: bool


class Speech:
    """What was said of one utterance so far, here and by the server.

    The server ends an utterance when it loses the client. What follows is another piece, with a name of its own on the
    wire: so each piece finishes once, and the server's count of its bytes means one thing.
    """

    def __init__(self, id: str, format: PcmFormat, mood: Mood | None = None) -> None:
        """``mood``: that the face goes over into with its first sound."""
        self.id, self.format, self.mood = id, format, mood
        self.sent = 0  # bytes
        self.begun = False
        self.ended = False  # nothing of it follows
        self.cut = False  # what follows is dropped
        self.truncated = False  # by a cut, before the server had all of it
        self.failure: LipwireError | None = None  # why not all of a text could be spoken
        self.started = False  # its first sound has played
        self.wire_id = id  # of its newest piece
        self.piece_start = 0  # bytes before that piece
        self._pieces = 1
        self._piece_over = False
        self._finished_ms = 0  # of the pieces that have finished
        self._outcome: asyncio.Future[Played] = asyncio.get_running_loop().create_future()
        self._outcome.add_done_callback(_look)

    @property
    def over(self) -> bool:
        """Whether it has played, was cut, or never will."""
        return self._outcome.done()

    @property
    def played_out(self) -> bool:
        """Whether nothing follows or was dropped, and its newest piece, behind all others, has played."""
        return self.ended and self._piece_over and not self.truncated

    def next_piece(self, start: int) -> None:
        """Go on in another piece, from a byte on."""
        self._pieces += 1
        self.wire_id, self.piece_start, self._piece_over = f"{self.id}~{self._pieces}", start, False

    @property
    def heard_ms(self) -> int:
        """How much of it was heard in the pieces that have finished."""
        return self._finished_ms

    @property
    def has_finished_piece(self) -> bool:
        """Whether its newest piece has finished, so that what follows is another."""
        return self._piece_over

    def heard_until(self, heard_ms: int) -> None:
        """Take for heard what no server will tell of any more."""
        self._finished_ms = heard_ms

    def piece_finished(self, wire_id: str, played_ms: int) -> None:
        """Count a piece that has played."""
        self._finished_ms += played_ms
        self._piece_over = self._piece_over or wire_id == self.wire_id

    def finish(self, interrupted: bool) -> Played:
        """Be over; returns how."""
        assert not self.over
        played = Played(self._finished_ms, interrupted)
        self.cut = self.cut or interrupted
        if self.failure is None:
            self._outcome.set_result(played)
        else:
            self._outcome.set_exception(self.failure)
        return played

    def fail(self, error: LipwireError) -> None:
        """Be over without ever finishing."""
        if not self.over:
            self._outcome.set_exception(error)

    async def played(self) -> Played:
        """Wait until it is over."""
        return await asyncio.shield(self._outcome)


def _look(outcome: asyncio.Future[Played]) -> None:
    """Take note of an error, so that asyncio does not complain of one that nobody waited for."""
    if not outcome.cancelled():
        outcome.exception()
