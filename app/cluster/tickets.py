"""Tickets: places that are kept for a moment, for who is sent here to start a session on a socket."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from app.cluster.lease import Lease
from app.sessions.session import Session

TICKET_S = 10.0
TICKET_BYTES = 24

Settle = Callable[["Ticket", Session | None], None]


class Ticket:
    """A place that is kept. ``owner``: the id of the key that it was promised to, empty for none."""

    def __init__(self, owner: str, lease: Lease, settle: Settle) -> None:
        self.text = secrets.token_urlsafe(TICKET_BYTES)
        self.owner, self.lease, self._settle = owner, lease, settle

    def settle(self, session: Session | None) -> None:
        """See :class:`Place`."""
        self._settle(self, session)


class Tickets:
    """Those that have been given out, each good once and for ``TICKET_S``. On the event loop.

    Bound: the stage's places, as one is counted for each until it is settled. ``settle`` is told what became of each.
    """

    def __init__(self, settle: Settle) -> None:
        self._settle = settle
        self._kept: dict[str, tuple[Ticket, asyncio.TimerHandle]] = {}
        self._unsettled: set[Ticket] = set()

    def __len__(self) -> int:
        return len(self._unsettled)

    def __contains__(self, text: str) -> bool:
        return text in self._kept

    def make(self, owner: str, lease: Lease) -> Ticket:
        """Keep a place."""
        ticket = Ticket(owner, lease, self._settled)
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
