"""Who has a place, from which address, and whether anything is done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from app.clock import Clock
from app.errors import Refusal
from app.media import NS_PER_S
from app.sessions.session import Session

PATIENCE_NS = 4 * NS_PER_S  # for an address's silent sessions to be watched, before one more is refused
PAUSE_S = 0.1


@dataclass(slots=True, eq=False)
class Place:
    """One session's. ``session``: once it is made. ``counted_until_ns``: unless it has begun by then; None: always."""

    address: str
    session: Session | None = None
    is_admitted: bool = False
    counted_until_ns: int | None = None

    def admit(self, until_ns: int | None) -> None:
        """Count what it takes of the machine."""
        self.is_admitted, self.counted_until_ns = True, until_ns

    @property
    def is_silent(self) -> bool:
        """Whether nobody watches it who should."""
        is_awaited = not self.is_admitted or self.counted_until_ns is not None
        return is_awaited and not (self.session is not None and self.session.watched.is_set())


class Newcomers:
    """The places that are taken.

    One address may have ``most_per_address`` of them (0: all), and no more than half of all ``most`` while nobody
    watches those: places are for who uses them.
    """

    def __init__(self, most: int, most_per_address: int, clock: Clock) -> None:
        self._most_silent, self._most_per_address, self._clock = max(1, most // 2), most_per_address, clock
        self._places: set[Place] = set()

    async def until_room(self, address: str) -> None:
        """Wait for an address's silent sessions, as they may just be connecting.

        Raises:
            Refusal: ``too_many_sessions_here``.
        """
        if not address:
            return
        until_ns = self._clock.now_ns() + PATIENCE_NS
        while True:
            here = [place for place in self._places if place.address == address]
            if self._most_per_address and len(here) >= self._most_per_address:
                raise _too_many(f"{self._most_per_address} sessions")
            if sum(place.is_silent for place in here) < self._most_silent:
                return
            if self._clock.now_ns() >= until_ns:
                raise _too_many(f"{self._most_silent} sessions that nobody watches yet")
            await asyncio.sleep(PAUSE_S)

    def enter(self, address: str) -> Place:
        """Take a place."""
        place = Place(address)
        self._places.add(place)
        return place

    def leave(self, place: Place) -> None:
        """Give it back; again is fine."""
        self._places.discard(place)

    def of(self, session: Session) -> Place | None:
        """Return a session's place; None for one that has left."""
        return next((place for place in self._places if place.session is session), None)

    def counted(self) -> Iterable[Session]:
        """Return the sessions that take time of the machine, or will in a moment."""
        now_ns = self._clock.now_ns()
        for place in self._places:
            session, until_ns = place.session, place.counted_until_ns
            if session is not None and place.is_admitted and (session.begun or until_ns is None or now_ns < until_ns):
                yield session


def _too_many(what: str) -> Refusal:
    return Refusal("too_many_sessions_here", f"This address has {what}, which is as many as it may; end one first.")
