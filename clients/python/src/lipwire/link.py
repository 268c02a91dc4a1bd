"""Keeps a feed connected."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from lipwire.admission import Admission
from lipwire.backoff import delays_s
from lipwire.connection import Connection
from lipwire.departure import Departure
from lipwire.errors import AlreadyFed, ConnectionLost, LipwireError, NotFound, SessionEnded
from lipwire.events import Disconnected, Event, Moved, Reconnected
from lipwire.feed import Feed
from lipwire.home import STOPPED, Home, move_of

logger = logging.getLogger("lipwire")

FINAL = frozenset({400, 401, 403, 404, 413, 422})  # refusals that trying again does not change
UNNOTICED_S = 10.0  # for which the server may take a lost connection for alive; it needs about 4
REPEAT_S = 5.0  # for the server to tell what was missed
STABLE_S = 1.0  # a connection that lasted so long begins a new count of attempts
LAST_WORDS_S = 1.0  # for what the server said before it hung up
GOODBYE_S = 2.0  # for what is still to be written when the client leaves
SPEAKS_ON_S = 1.0  # for which at most the face spoke after the last that was heard from a server that is lost


class Link:
    """Attaches, and attaches again whenever the connection is lost, for ``reconnect_for`` seconds each time.

    Where the session is to live elsewhere it goes there. :meth:`open` first; ``ended`` is called once, when it gives up
    for good. :meth:`aclose` ends it.
    """

    def __init__(self, home: Home, feed: Feed, reconnect_for: float, announce: Callable[[Event], None]) -> None:
        self._home, self._feed, self._reconnect_for, self._announce = home, feed, reconnect_for, announce
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._clock = asyncio.get_running_loop().time
        self._heard_at = 0.0  # when the server last said something
        self._goodbyes: set[asyncio.Task[None]] = set()  # to places that were left; at most as many as moves within 4 s

    @property
    def connected(self) -> bool:
        """Whether the server can be reached."""
        return self._connection is not None

    @property
    def admission(self) -> Admission:
        """The session's doors, as they are known now."""
        return self._home.admission

    async def open(self, ended: Callable[[LipwireError], None]) -> dict[str, Any]:
        """Attach for the first time; returns the server's answer.

        Raises:
            LipwireError: why not.
        """
        try:
            connection = await self._home.attach()
        except ConnectionLost as error:
            if error.code == "unreachable":
                raise
            connection = await self._attach_again(self._clock(), error, delays_s())
        self._feed.attached(connection.started)
        self._connection = connection
        self._task = asyncio.create_task(self._run(connection, ended), name=f"lipwire {self.admission.id}")
        return connection.started

    async def aclose(self) -> None:
        """Write what is left, within ``GOODBYE_S``, and leave; again is fine."""
        if self._task is None:
            return
        task, self._task = self._task, None
        connection = self._connection
        if connection is not None and not task.done():
            with contextlib.suppress(asyncio.TimeoutError, LipwireError):
                await asyncio.wait_for(self._feed.outbox.wait_until_empty(), GOODBYE_S)
        task.cancel()
        await asyncio.gather(task, *self._goodbyes, return_exceptions=True)
        if self._connection is not None:
            await self._connection.leave()
            self._connection = None

    async def _run(self, connection: Connection, ended: Callable[[LipwireError], None]) -> None:
        delays, lost_at = delays_s(), self._clock()
        try:
            while True:
                begun_at = self._heard_at = self._clock()
                why = await self._converse(connection)
                if isinstance(why, Connection):
                    self._change(connection, why)
                    connection = why
                    continue
                if self._is_final(why):
                    raise _over(why)
                self._connection = None
                connection.abort()
                gone_at = self._clock()
                if gone_at - begun_at > STABLE_S:
                    delays, lost_at = delays_s(), gone_at
                self._announce(Disconnected(why.message))
                spoke_until = min(gone_at, self._heard_at + SPEAKS_ON_S)
                connection = await self._attach_again(lost_at, why, delays)
                self._settle(connection, spoke_until)
                self._announce(Reconnected(round((self._clock() - gone_at) * 1000)))
        except Exception as error:
            self._connection = None
            connection.abort()
            if not isinstance(error, LipwireError):
                logger.exception("a message could not be handled")
                error = LipwireError("client_failed", f"This client failed: {error!r}")
            ended(error)

    def _change(self, old: Connection, new: Connection) -> None:
        """Go on over a connection to where the session moved; the old place is told goodbye."""
        self._settle(new, self._clock())
        goodbye = asyncio.create_task(old.leave())
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)

    def _settle(self, connection: Connection, spoke_until: float) -> None:
        self._feed.outbox.hold(None)
        self._connection = connection
        if self._home.settle(connection, spoke_until):
            self._announce(Moved(self.admission.id))

    async def _attach_again(self, lost_at: float, why: LipwireError, delays: Iterator[float]) -> Connection:
        lost_for = why
        while True:
            delay_s = next(delays)
            if self._clock() + delay_s > lost_at + self._reconnect_for:
                raise ConnectionLost(
                    "connection_lost", f"The server was out of reach for {self._reconnect_for:.0f} s: {why.message}"
                ) from why
            await asyncio.sleep(delay_s)
            try:
                return await self._home.find(lost_for)
            except LipwireError as error:
                if error.code == "already_fed" and self._clock() - lost_at > UNNOTICED_S:
                    raise
                if self._is_final(error):
                    # what the server said before it closed says more than that there is no such session
                    raise _over(why if isinstance(error, NotFound) and why.status else error) from error
                if not isinstance(error, AlreadyFed):
                    why = error if isinstance(error, ConnectionLost) and not why.status else why

    async def _converse(self, connection: Connection) -> LipwireError | Connection:
        """Read and write until the connection ends, or another takes its place; returns how, or that one."""
        repeated = asyncio.Event()
        departure = Departure(self._home, self._feed, connection)
        work = (self._read(connection, repeated, departure), self._write(connection, repeated), connection.watch())
        tasks = [asyncio.create_task(each) for each in work]
        leaving = asyncio.create_task(departure.leave())
        try:
            await asyncio.wait([*tasks, leaving], return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done():
                # what the server says at last is still to be read, where writing failed first
                await asyncio.wait(tasks[:1], timeout=LAST_WORDS_S)
        finally:
            for task in (*tasks, leaving):
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            found = (await asyncio.gather(leaving, return_exceptions=True))[0]
        if isinstance(found, Connection):
            return found
        errors = [outcome for outcome in (*outcomes, found) if isinstance(outcome, Exception)]
        for error in errors:
            if not isinstance(error, LipwireError):
                raise error
        return next((e for e in errors if isinstance(e, LipwireError) and e.status), errors[0])  # type: ignore[return-value]

    async def _read(self, connection: Connection, repeated: asyncio.Event, departure: Departure) -> None:
        while True:
            if self._feed.caught_up:
                repeated.set()
            message = await connection.read()
            self._heard_at = self._clock()
            if (move := move_of(message, self._clock())) is not None:
                departure.ask(move)
            self._feed.receive(message)

    async def _write(self, connection: Connection, repeated: asyncio.Event) -> None:
        try:
            await asyncio.wait_for(repeated.wait(), REPEAT_S)
        except asyncio.TimeoutError:
            logger.warning("the server did not repeat all that was missed")
        self._feed.go_on()
        await connection.write_from(self._feed.outbox)

    def _is_final(self, error: LipwireError) -> bool:
        if error.code == STOPPED:
            return not self.admission.may_move  # else another machine may have room for it
        return error.status in FINAL


def _over(error: LipwireError) -> LipwireError:
    """Say of a session that was fed why it is not any more."""
    if isinstance(error, NotFound) or error.status >= 500 or error.code == STOPPED:
        return SessionEnded(error.code, error.message, error.status)
    return error
