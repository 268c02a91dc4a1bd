"""Avatars that nobody used for long: removed, and forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection

from app.avatars.store import AvatarStore
from app.clock import Clock
from app.media import NS_PER_S
from app.objects.faults import StoreAway

logger = logging.getLogger(__name__)

SWEEP_NS = 3600 * NS_PER_S


class AvatarExpiry:
    """Sweeps the avatars, now and every hour; ``start`` and ``aclose`` belong together.

    ``keep_days``: 0 keeps them for ever; what a killed process left half made goes all the same. ``in_use`` says whose
    sessions run. ``forget`` is told the id of each that is gone.
    """

    def __init__(
        self,
        store: AvatarStore,
        keep_days: float,
        clock: Clock,
        in_use: Callable[[], Collection[str]],
        forget: Callable[[str], None],
    ) -> None:
        self._store, self._keep_days, self._clock = store, keep_days, clock
        self._in_use, self._forget = in_use, forget
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._sweeper = asyncio.create_task(self._sweep_hourly(), name="avatars' expiry")

    async def aclose(self) -> None:
        """End it; again is fine."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    async def sweep(self) -> None:
        """Remove what has expired."""
        try:
            await asyncio.to_thread(self._store.drafts.sweep)
            if self._keep_days:
                for id in await asyncio.to_thread(self._store.expire, self._keep_days, set(self._in_use())):
                    self._forget(id)
        except (OSError, StoreAway) as error:
            logger.warning("avatars: what has expired cannot be removed: %s", error)

    async def _sweep_hourly(self) -> None:
        while True:
            await self.sweep()
            await self._clock.sleep_until(self._clock.now_ns() + SWEEP_NS)
