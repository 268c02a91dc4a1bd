"""How many sessions each address has on all stages, as a front knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from app.cluster.card import Card
from app.errors import Refusal


class SharedAddresses:
    """Counts by the stages' cards, by the leases that are younger than these, and by who is being placed here.

    Bound: one count an address that has a session, or is being placed.
    """

    def __init__(self, most: int) -> None:
        """``most``: sessions of one address; 0 is as many as there are."""
        self._most = most
        self._known: dict[str, str] = {}  # bare id, or a place's → address
        self._placing: Counter[str] = Counter()

    def update(self, cards: Sequence[Card], leases: Mapping[str, str]) -> None:
        """Take what stages said last, and from where the leases here are."""
        there = {session.place or session.bare: session.address for card in cards for session in card.sessions}
        self._known = there | {place.id: place.address for card in cards for place in card.kept} | dict(leases)

    @contextmanager
    def one_more(self, address: str) -> Iterator[None]:
        """Count one that is being placed meanwhile.

        Raises:
            Refusal: ``too_many_sessions_here``.
        """
        here = self._placing[address] + sum(each == address for each in self._known.values())
        if self._most and address and here >= self._most:
            raise Refusal(
                "too_many_sessions_here",
                f"This address has {here} sessions, which is as many as it may; end one first.",
            )
        self._placing[address] += 1
        try:
            yield
        finally:
            self._placing[address] -= 1
            if not self._placing[address]:
                del self._placing[address]
