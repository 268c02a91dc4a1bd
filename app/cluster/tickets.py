"""Tickets: places that are kept for a moment, for who is sent here to start a session on a socket."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator

from app.cluster.lease import Lease
from app.sessions.session import Session

TICKET_S = 10.0
TICKET_BYTES, ID_BYTES = 24, 8

Settle = Callable[["Ticket", Session | None], None]


class Ticket:
    """A place that is kept. ``owner``: the id of the key that it was promised to, empty for none; ``address``: whose.

    ``text`` is for who comes with it; ``id`` opens nothing, and is for who counts.
    """

    def __init__(self, text: str, owner: str, address: str, lease: Lease, settle: Settle) -> None:
        self.text, self.id, self.address = text, secrets.token_hex(ID_BYTES), address
        self.owner, self.lease, self._settle = owner, lease, settle

    def settle(self, session: Session | None) -> None:
        """See :class:`Place`."""
        self._settle(self, session)


class Tickets:
    """Those that have been given out, each good once and for ``TICKET_S``. On the event loop.

    Bound: the stage's places, as one is counted for each until it is settled. ``settle`` is told what became of each.
    ``ref_of`` makes references of what is unique here, so that a proxy knows whose a ticket is.
    """

    def __init__(self, settle: Settle, ref_of: Callable[[str], str]) -> None:
        self._settle, self._ref_of = settle, ref_of
        self._kept: dict[str, tuple[Ticket, asyncio.TimerHandle]] = {}
        self._unsettled: set[Ticket] = set()

    def __len__(self) -> int:
        return len(self._unsettled)

    def __iter__(self) -> Iterator[Ticket]:
        """Yield those that are not settled."""
        return iter(self._unsettled)

    def __contains__(self, text: str) -> bool:
        return text in self._kept

    def make(self, owner: str, address: str, lease: Lease) -> Ticket:
        """Keep a place."""
        text = self._ref_of(secrets.token_urlsafe(TICKET_BYTES))
        ticket = Ticket(text, owner, address, lease, self._settled)
        self._unsettled.add(ticket)
        timer = asyncio.get_running_loop().call_later(TICKET_S, self._expire, ticket.text)
        self._kept[ticket.text] = ticket, timer
        return ticket

    def take(self, text: str) -> Ticket | None:
        """Take the place of a ticket, which the caller settles; None where none is kept."""
        if text not in self._kept:
            return None
        ticket, timer = self._kept.pop(text)
        timer.cancel()
        return ticket

    def close(self) -> None:
        """Keep none any more."""
        for text in list(self._kept):
            self._expire(text)

    def _settled(self, ticket: Ticket, session: Session | None) -> None:
        self._unsettled.discard(ticket)
        self._settle(ticket, session)

    def _expire(self, text: str) -> None:
        if (ticket := self.take(text)) is not None:
            ticket.settle(None)
