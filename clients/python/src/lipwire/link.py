"""Keeps a feed connected."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lipwire.backoff import delays_s
from lipwire.connection import Connection
from lipwire.errors import AlreadyFed, ConnectionLost, LipwireError, NotFound, SessionEnded
from lipwire.events import Disconnected, Event, Reconnected
from lipwire.feed import Feed

logger = logging.getLogger("lipwire")

FINAL = frozenset({400, 401, 403, 404, 413, 422})  # refusals that trying again does not change
ATTEMPT_S = 10.0  # for one attempt to connect
STOPPED = "server_draining"  # of a session that was there: it ended with its server
UNNOTICED_S = 10.0  # for which the server may take a lost connection for alive; it needs about 4
REPEAT_S = 5.0  # for the server to tell what was missed
STABLE_S = 1.0  # a connection that lasted so long begins a new count of attempts
LAST_WORDS_S = 1.0  # for what the server said before it hung up
GOODBYE_S = 2.0  # for what is still to be written when the client leaves


@dataclass(frozen=True)
class Door:
    """Where a session is fed, and with which token."""

    url: str
    session: str
    token: str = field(repr=False)


class Link:
    """Attaches, and attaches again whenever the connection is lost, for ``reconnect_for`` seconds each time.

    :meth:`open` first; ``ended`` is called once, when it gives up for good. :meth:`aclose` ends it.
    """

    def __init__(self, door: Door, feed: Feed, reconnect_for: float, announce: Callable[[Event], None]) -> None:
        self._door, self._feed, self._reconnect_for, self._announce = door, feed, reconnect_for, announce
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._clock = asyncio.get_running_loop().time

    @property
    def connected(self) -> bool:
        """Whether the server can be reached."""
        return self._connection is not None

    async def open(self, ended: Callable[[LipwireError], None]) -> dict[str, Any]:
        """Attach for the first time; returns the server's answer.

        Raises:
            LipwireError: why not.
        """
        try:
            connection = await self._attach()
        except ConnectionLost as error:
            if error.code == "unreachable":
                raise
            connection = await self._attach_again(self._clock(), error, delays_s())
        self._feed.attached(connection.started)
        self._connection = connection
        self._task = asyncio.create_task(self._run(connection, ended), name=f"lipwire {self._door.session}")
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
        await asyncio.gather(task, return_exceptions=True)
        if self._connection is not None:
            await self._connection.leave()
            self._connection = None

    async def _run(self, connection: Connection, ended: Callable[[LipwireError], None]) -> None:
        delays, lost_at = delays_s(), self._clock()
        try:
            while True:
                begun_at = self._clock()
                why = await self._converse(connection)
                if _is_final(why):
                    raise _over(why)
                self._connection = None
                connection.abort()
                gone_at = self._clock()
                if gone_at - begun_at > STABLE_S:
                    delays, lost_at = delays_s(), gone_at
                self._announce(Disconnected(why.message))
                connection = await self._attach_again(lost_at, why, delays)
                self._feed.attached(connection.started)
                self._connection = connection
                self._announce(Reconnected(round((self._clock() - gone_at) * 1000)))
        except Exception as error:
            self._connection = None
            connection.abort()
            if not isinstance(error, LipwireError):
                logger.exception("a message could not be handled")
                error = LipwireError("client_failed", f"This client failed: {error!r}")
            ended(error)

    async def _attach_again(self, lost_at: float, why: LipwireError, delays: Iterator[float]) -> Connection:
        while True:
            delay_s = next(delays)
            if self._clock() + delay_s > lost_at + self._reconnect_for:
                raise ConnectionLost(
                    "connection_lost", f"The server was out of reach for {self._reconnect_for:.0f} s: {why.message}"
                ) from why
            await asyncio.sleep(delay_s)
            try:
                return await self._attach()
            except LipwireError as error:
                if error.code == "already_fed" and self._clock() - lost_at > UNNOTICED_S:
                    raise
                if _is_final(error):
                    # what the server said before it closed says more than that there is no such session
                    raise _over(why if isinstance(error, NotFound) and why.status else error) from error
                if not isinstance(error, AlreadyFed):
                    why = error if isinstance(error, ConnectionLost) and not why.status else why

    async def _attach(self) -> Connection:
        door = self._door
        return await Connection.attach(door.url, door.session, door.token, self._feed.after, ATTEMPT_S)

    async def _converse(self, connection: Connection) -> LipwireError:
        """Read and write until the connection ends; returns how."""
        repeated = asyncio.Event()
        work = (self._read(connection, repeated), self._write(connection, repeated), connection.watch())
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # what the server says at last is still to be read, where writing failed first
            await asyncio.wait(tasks[:1], timeout=LAST_WORDS_S)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        for error in errors:
            if not isinstance(error, LipwireError):
                raise error
        return next((e for e in errors if isinstance(e, LipwireError) and e.status), errors[0])  # type: ignore[return-value]

    async def _read(self, connection: Connection, repeated: asyncio.Event) -> None:
        while True:
            if self._feed.caught_up:
                repeated.set()
            self._feed.receive(await connection.read())

    async def _write(self, connection: Connection, repeated: asyncio.Event) -> None:
        try:
            await asyncio.wait_for(repeated.wait(), REPEAT_S)
        except asyncio.TimeoutError:
            logger.warning("the server did not repeat all that was missed")
        self._feed.go_on()
        await connection.write_from(self._feed.outbox)


def _is_final(error: LipwireError) -> bool:
    return error.status in FINAL or error.code == STOPPED


def _over(error: LipwireError) -> LipwireError:
    """Say of a session that was fed why it is not any more."""
    if isinstance(error, NotFound) or error.status >= 500 or error.code == STOPPED:
        return SessionEnded(error.code, error.message, error.status)
    return error
