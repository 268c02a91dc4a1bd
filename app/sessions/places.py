"""Who has a place, from which address, and whether anything is done with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.clock import Clock
from app.errors import Refusal
from app.media import NS_PER_S
from app.sessions.session import Session

SILENT_NS = 5 * NS_PER_S  # with nobody who watches it, until a session's place is somebody else's who needs it


@dataclass(slots=True, eq=False)
class Place:
    """One session's. ``session``: once it is made. ``counted_until_ns``: unless it has begun by then; None: always."""

    address: str
    taken_ns: int
    session: Session | None = None
    is_admitted: bool = False
    counted_until_ns: int | None = None
    is_entering: bool = False  # somebody has come, and stands in the row

    @contextmanager
    def entering(self, clock: Clock) -> Iterator[None]:
        """Let it keep its place in the row, which is not its fault, and begin anew to be silent behind it."""
        self.is_entering = True
        try:
            yield
        finally:
            self.is_entering, self.taken_ns = False, clock.now_ns()

    def admit(self, until_ns: int | None) -> None:
        """Count what it takes of the machine."""
        self.is_admitted, self.counted_until_ns = True, until_ns

    @property
    def is_silent(self) -> bool:
        """Whether nobody watches it who should."""
        if self.is_entering:
            return False
        is_awaited = not self.is_admitted or self.counted_until_ns is not None
        return is_awaited and self.session is not None and not self.session.watched.is_set()


class Places:
    """``most`` places, of which one address may have ``most_per_address`` (0: all)."""

    def __init__(self, most: int, most_per_address: int, clock: Clock) -> None:
        self._most, self._most_per_address, self._clock = most, most_per_address, clock
        self._taken: set[Place] = set()

    def require_share(self, address: str) -> None:
        """Let an address have one more.

        Raises:
            Refusal: ``too_many_sessions_here``.
        """
        here = sum(place.address == address for place in self._taken)
        if self._most_per_address and address and here >= self._most_per_address:
            raise Refusal(
                "too_many_sessions_here",
                f"This address has {here} sessions, which is as many as it may; end one first.",
            )

    def take(self, address: str) -> Place:
        """Take a place.

        Raises:
            Refusal: ``too_many_sessions_here`` or ``server_full``.
        """
        self.require_share(address)
        if len(self._taken) >= self._most:
            raise Refusal("server_full", f"All {self._most} places are taken; try again in a minute.")
        place = Place(address, self._clock.now_ns())
        self._taken.add(place)
        return place

    def unused(self) -> Session | None:
        """Return the session that has to go where there is no place left: the one that nobody has watched for longest;
        None where there is a place, or where all are used."""
        if len(self._taken) < self._most:
            return None
        since_ns = self._clock.now_ns() - SILENT_NS
        silent = [place for place in self._taken if place.is_silent and place.taken_ns <= since_ns]
        return min(silent, key=lambda place: place.taken_ns).session if silent else None

    def leave(self, place: Place | None) -> None:
        """Give it back; again is fine."""
        if place is not None:
            self._taken.discard(place)

    def of(self, session: Session) -> Place | None:
        """Return a session's place; None for one that has left."""
        return next((place for place in self._taken if place.session is session), None)

    def counted(self) -> Iterable[Session]:
        """Return the sessions that take time of the machine, or will in a moment."""
        now_ns = self._clock.now_ns()
        for place in self._taken:
            session, until_ns = place.session, place.counted_until_ns
            if session is not None and place.is_admitted and (session.begun or until_ns is None or now_ns < until_ns):
                yield session
