"""Keeps a node in step with the store that it shares: hears of what others did, and brings there what it made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeVar

from app.avatars.shared_store import SharedAvatarStore
from app.clock import Clock
from app.media import NS_PER_S
from app.objects.faults import StoreAway
from app.recordings.shared_store import SharedRecordingStore
from app.sessions.stores import Stores
from app.threads import MeasuredPool

logger = logging.getLogger(__name__)

POLL_NS = 2 * NS_PER_S
RECORDINGS_NS = 30 * NS_PER_S  # there may be many, and each is looked up when it is asked for
SWEEP_NS = 3600 * NS_PER_S
THREADS = 2  # one asks while the other one sends
LAST_S = 30  # at the end, for recordings that were just finished

T = TypeVar("T")


class Shared:
    """The tasks of a shared store; without one it does nothing. ``start`` and ``aclose`` belong together.

    ``forget`` is told the id of each avatar that is gone, or another one than it was. ``old_folder`` is a data folder
    that was used before there was a store: what it has is put there.
    """

    def __init__(
        self,
        stores: Stores,
        keep_days: float,
        clock: Clock,
        forget: Callable[[str], None],
        old_folder: Path,
    ) -> None:
        avatars, recordings = stores.avatars, stores.recordings
        self._avatars = avatars if isinstance(avatars, SharedAvatarStore) else None
        self._recordings = recordings if isinstance(recordings, SharedRecordingStore) else None
        self._old_folder = old_folder
        self._keep_days, self._clock, self._forget = keep_days, clock, forget
        self._pool: MeasuredPool | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_away, self._changes = False, 0

    @property
    def is_away(self) -> bool:
        """Whether the store could not be used when it was last tried."""
        return self._is_away

    @property
    def unsent(self) -> int:
        """How many recordings wait for the store."""
        return self._recordings.unsent if self._recordings is not None else 0

    async def start(self) -> None:
        """List the store, and begin; where it is away, begin all the same."""
        if self._avatars is None or self._recordings is None:
            return
        self._pool = MeasuredPool(THREADS, "store")
        await self._poll()
        self._tasks = [
            asyncio.create_task(self._every(POLL_NS, self._poll), name="store's avatars"),
            asyncio.create_task(self._every(POLL_NS, self._send), name="store's recordings"),
            asyncio.create_task(self._every(RECORDINGS_NS, self._tidy), name="store's listing"),
            asyncio.create_task(self._adopt(), name="store's adoptions"),
            asyncio.create_task(self._every(SWEEP_NS, self._sweep), name="store's sweep"),
        ]

    async def aclose(self) -> None:
        """Put what was recorded, where the store is there, and end; again is fine."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        pool, self._pool = self._pool, None
        if pool is None or self._recordings is None:
            return
        if not self._is_away:
            try:
                await asyncio.wait_for(self._asked(pool, self._recordings.put_finished), LAST_S)
            except TimeoutError:
                logger.warning("store: recordings are left to be put by the next start, as it is slow")
        await asyncio.to_thread(pool.shutdown, wait=False, cancel_futures=True)

    async def _every(self, period_ns: int, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now_ns() + period_ns)
            await work()

    async def _poll(self) -> None:
        """Hear of what others did to avatars, and tell them what is used here."""
        assert self._avatars is not None and self._pool is not None, "it was started"
        for id in await self._asked(self._pool, self._avatars.refresh) or ():
            self._forget(id)
        if self._keep_days and not self._is_away:
            await self._asked(self._pool, self._avatars.tell_uses, self._keep_days)

    async def _adopt(self) -> None:
        """Put there what was here before, and where the store is away, as soon as it can be."""
        assert self._pool is not None, "it was started"
        while await self._asked(self._pool, self._adopt_all) is None:
            await self._clock.sleep_until(self._clock.now_ns() + RECORDINGS_NS)

    def _adopt_all(self) -> bool:
        assert self._avatars is not None and self._recordings is not None, "there is a store"
        self._avatars.adopt(self._old_folder)
        self._recordings.adopt(self._old_folder)
        return True

    async def _send(self) -> None:
        assert self._recordings is not None and self._pool is not None, "it was started"
        if not self._is_away:
            await self._asked(self._pool, self._recordings.put_finished)

    async def _tidy(self) -> None:
        assert self._recordings is not None and self._pool is not None, "it was started"
        await self._asked(self._pool, self._recordings.refresh)

    async def _sweep(self) -> None:
        assert self._avatars is not None and self._pool is not None, "it was started"
        await self._asked(self._pool, self._avatars.sweep)

    async def _asked(self, pool: Executor, work: Callable[..., T], *arguments: Any) -> T | None:
        """Do in a thread what the store may refuse; the log hears of it when that begins, and when it is over.

        What began before that was known tells nothing new: several questions are on their way at a time.
        """
        changes = self._changes
        try:
            found = await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
        except StoreAway as away:
            if not self._is_away and changes == self._changes:
                logger.warning("store: it cannot be used, what is known goes on: %s", away.why)
                self._is_away, self._changes = True, changes + 1
            return None
        except OSError as error:
            logger.warning("store: the data folder cannot be used: %s", error)
            return None
        if self._is_away and changes == self._changes:
            logger.info("store: it can be used again")
            self._is_away, self._changes = False, changes + 1
        return found
