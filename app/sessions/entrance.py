"""Whether the machine has time for one session more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.clock import Clock
from app.errors import Refusal
from app.inference.scheduler.cost import CostKey
from app.sessions.admission import Terms
from app.sessions.capacity import PATIENCE_NS, SAMPLE_NS, Capacity, Inside
from app.sessions.places import Places
from app.sessions.playout import Cast
from app.sessions.session import Session


class Entrance:
    """Lets in those for whom there is time, one by one. :meth:`watch` runs until it is cancelled."""

    def __init__(self, capacity: Capacity, places: Places, clock: Clock) -> None:
        self._capacity, self._places, self._clock = capacity, places, clock
        self._one_by_one = asyncio.Lock()

    @property
    def load(self) -> float:
        """The share of what may be used that open sessions take: 1 is full."""
        return self._capacity.load(self.inside())

    def inside(self) -> list[Inside]:
        """Return what counts of the machine's time."""
        return [session.inside for session in self._places.counted()]

    @asynccontextmanager
    async def turn(self, cast: Cast) -> AsyncIterator[Terms]:
        """Wait until those before are known, and say on which terms a cast may come in, which it does in the body.

        Raises:
            Refusal: ``server_busy``.
        """
        async with self._one_by_one:
            await self._capacity.until_known(self.inside)
            yield self._terms(cast)

    async def admit(self, session: Session) -> None:
        """Count what a session takes, as its owner is about to watch it; again is fine.

        Raises:
            Refusal: ``server_busy``.
        """
        place = self._places.of(session)
        if place is None or place.is_admitted:
            return
        with place.entering(self._clock):
            async with self.turn(session.cast) as terms:
                session.settle_for(terms)  # others may have come since it was made
                place.admit(self._clock.now_ns() + PATIENCE_NS)

    async def watch(self) -> None:
        """Sample what sessions take."""
        while True:
            self._capacity.sample(self.inside())
            await self._clock.sleep_until(self._clock.now_ns() + SAMPLE_NS)

    def _terms(self, cast: Cast) -> Terms:
        """Let in who fits: a voice more is worth more than a blink, and those inside shall not notice."""
        alive = CostKey.of(cast.engine, cast.prepared)
        calm = CostKey.of(cast.engine, cast.prepared.without_idle_motion())
        inside = self.inside()
        terms = self._capacity.terms(inside, alive, calm)
        if terms is None:
            faces = "one face" if len(inside) == 1 else f"{len(inside)} faces"
            raise Refusal(
                "server_busy",
                f"This machine is busy with {faces} and has no time for another; "
                "try again in a minute, or choose a smaller picture or a lighter engine.",
            )
        return terms
