"""What each key has of sessions on all stages, as a front knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.access.key_ring import KeyRing
from app.access.minutes import Minutes
from app.clock import Clock
from app.cluster.card import Card
from app.sessions.owners import Owners


class SharedOwners(Owners):
    """Counts by the stages' cards, and by the leases that are younger than these; places that are kept count too.

    Cards are a second old, so two fronts at once may let a key have one session too many.
    """

    def __init__(self, keys: KeyRing, minutes: Minutes, clock: Clock) -> None:
        super().__init__(keys, minutes, clock)
        self._on_stages: dict[str, str] = {}  # bare id, or a place's → owner
        self._used: Mapping[str, float] = {}
        self._leases: Mapping[str, str] = {}

    def update(self, cards: Sequence[Card], leases: Mapping[str, str], minutes: Mapping[str, float]) -> None:
        """Take what stages said last, whom the leases here are of, and what the directory has counted."""
        there = {session.place or session.bare: session.owner for card in cards for session in card.sessions}
        self._on_stages = there | {place.id: place.owner for card in cards for place in card.kept}
        self._leases, self._used = leases, minutes

    def sessions_of(self, owner: str) -> int:
        """Return how many sessions a key has on all stages, those that are being placed here included."""
        known = {**self._on_stages, **self._leases}
        return super().sessions_of(owner) + sum(each == owner for each in known.values())

    def used_minutes(self, owner: str) -> float:
        """Return how many minutes a key has used today on all stages."""
        return self._used.get(owner, 0.0)

    async def start(self) -> None:
        """Read nothing: stages keep the minutes."""

    async def aclose(self) -> None:
        """Write nothing."""
