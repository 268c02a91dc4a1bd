"""Where sessions are, for the doors of a stage: one of several servers that share them."""

from __future__ import annotations

from typing import Protocol

from app.sessions.session import Session


class Elsewhere(Exception):
    """What was asked for is to be had at ``url``; nothing was refused."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


class Place(Protocol):
    """A place that is kept for one session. ``owner``: the id of the key that it was promised to, empty for none."""

    @property
    def owner(self) -> str:
        """See above."""
        ...

    def settle(self, session: Session | None) -> None:
        """Note which session has it now; None: nobody, it is free again."""
        ...


class Whereabouts(Protocol):
    """Who knows it. Addresses are without a slash at their end."""

    @property
    def front(self) -> str:
        """The address at which sessions are made."""
        ...

    def of(self, ref: str) -> str | None:
        """Return the address of whose a session is; None where it is here, or nobody's."""
        ...

    def keeps(self, ticket: str) -> bool:
        """Tell whether a place is kept for a ticket's bearer."""
        ...

    def take(self, ticket: str) -> Place | None:
        """Take the place that is kept for a ticket's bearer, which can be done once; None where none is."""
        ...


def socket_at(site: str) -> str:
    """Return the address of a site's ``/ws``."""
    return site.replace("http", "ws", 1) + "/ws"
