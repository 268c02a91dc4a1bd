"""Where a session lives, and how it is found again when that is not where it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lipwire.admission import Admission
from lipwire.connection import Connection
from lipwire.errors import ConnectionLost, LipwireError, NotFound
from lipwire.feed import Feed
from lipwire.management import Management

ATTEMPT_S = 10.0  # for one attempt to connect
QUICK_ATTEMPT_S = 3.0  # where the machine may be gone, and somebody else knows
STOPPED = "server_draining"  # of a session that was there: it ended with its server


@dataclass(frozen=True)
class Move:
    """A session is to live elsewhere: what it is called there, where it is fed, and until when it is here."""

    session: str
    url: str
    until: float


class Home:
    """Attaches to a session wherever it lives: where it was, where it was said to move, or where it was made anew.

    ``admission`` is the latest that is known.
    """

    def __init__(self, admission: Admission, feed: Feed, management: Management) -> None:
        self.admission = admission
        self._feed, self._management = feed, management
        self._move: Move | None = None
        self._is_strange = False  # at the latest address nothing is known of what was fed before

    def expect_move(self, move: Move) -> None:
        """Learn where the session is to live."""
        self._move = move

    async def attach(self) -> Connection:
        """Attach where it lives as far as is known.

        Raises:
            LipwireError: why not.
        """
        return await self._attach(ATTEMPT_S)

    async def attach_to_twin(self) -> Connection:
        """Attach where it is to move, and take that for its home.

        Raises:
            LipwireError: why not; its home is where it was, then.
        """
        move = self._move
        assert move is not None
        url = self.admission.feed_url if move.url == "" else move.url
        there = self.admission.moved(move.session, url, self._management.whep_url_of(move.session))
        before = self.admission, self._is_strange
        self.admission, self._is_strange = there, True
        try:
            connection = await self._attach(QUICK_ATTEMPT_S)
        except BaseException:
            self.admission, self._is_strange = before
            raise
        self._move = None
        return connection

    async def find(self, why: LipwireError) -> Connection:
        """Attach after a loss, once, or say why not. ``why`` it was lost.

        Raises:
            LipwireError: :class:`NotFound` where it has ended.
        """
        if self._move is not None:
            try:
                return await self.attach_to_twin()
            except LipwireError:
                self._move = None  # whoever made it knows, if it was made
        if not self.admission.may_move:
            return await self.attach()
        try:
            return await self._attach(QUICK_ATTEMPT_S)
        except LipwireError as error:
            if not (_is_gone(error) and was_lost(why)):
                raise
            await self._ask_after(error)
        return await self._attach(ATTEMPT_S)

    def settle(self, connection: Connection, lost_at: float) -> bool:
        """Let the feed go on over a connection that was found; returns whether the session lives elsewhere now.

        Raises:
            ConnectionLost: when something of what was said is not kept any more.
        """
        is_strange, self._is_strange = self._is_strange, False
        feed = self._feed
        if is_strange or feed.is_handed_over:
            feed.reborn(connection.started, is_strange, None if feed.is_handed_over else lost_at)
        else:
            feed.attached(connection.started)
        return is_strange

    async def _ask_after(self, error: LipwireError) -> None:
        """Have the session made anew, unless it lives."""
        old = self.admission
        found, is_new = await self._management.revive(old.id, old.feed_token, self._feed.next_number)
        if found.id == old.id and not is_new:
            # it lives where it did, and could not be reached just now
            raise ConnectionLost("unreachable", error.message) if isinstance(error, NotFound) else error
        self.admission = replace(found, width=old.width, height=old.height)
        self._is_strange = True

    async def _attach(self, within_s: float) -> Connection:
        at, feed = self.admission, self._feed
        after, number = (0, feed.next_number) if self._is_strange else (feed.after, None)
        connection = await Connection.attach(at.feed_url, at.id, at.feed_token, after, within_s, number)
        session = str(connection.started.get("session") or at.id)
        if session == at.id or not at.may_move:
            return connection
        # it was sent on to where the session lives now
        self.admission = at.moved(session, at.feed_url, self._management.whep_url_of(session))
        if not feed.has_attached or self._is_strange:
            return connection
        connection.abort()
        self._is_strange = True
        return await self._attach(within_s)


def move_of(message: dict[str, Any], now: float) -> Move | None:
    """Read a message; None where it does not say where a session is to live."""
    if message.get("type") != "move" or not message.get("session"):
        return None
    return Move(str(message["session"]), str(message.get("url") or ""), now + float(message["in_s"]))


def was_lost(why: LipwireError) -> bool:
    """Whether a session that was attached to was lost, not ended for a reason that was told."""
    return not why.status or why.code == STOPPED


def _is_gone(error: LipwireError) -> bool:
    return isinstance(error, NotFound) or error.code in ("unreachable", STOPPED)
