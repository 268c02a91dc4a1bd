"""Where sessions are, for the doors of a stage: one of several servers that share them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from app.session_ref import seal_in
from app.sessions.session import Session

SESSION = "session"  # of a socket's query: a proxy reads it, and nobody else


def anybodys(owner: str) -> bool:
    """Let whoever asks know of what a key owns."""
    return True


def nobodys(owner: str) -> bool:
    """Let them know of nothing."""
    return False


class Elsewhere(Exception):
    """What was asked for is to be had at ``url``; nothing was refused."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


@dataclass(frozen=True, slots=True)
class At:
    """A session elsewhere: its reference there, and an address of whoever has it; no reference: ask there.

    ``owner``: the id of the key (empty for none) whose it is, where more is known of it than the reference says that
    was asked with: who may not know of what that key has is not to be told. None where that says it all.
    """

    ref: str
    url: str
    owner: str | None = None


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

    def of(self, ref: str, may: Callable[[str], bool] = anybodys) -> At | None:
        """Return where a session is; None where it is here, or nobody's.

        ``may``: whether who asks may know of what a key owns; else it is as with a session that never was.
        """
        ...

    def keeps(self, ticket: str) -> bool:
        """Tell whether a place is kept for a ticket's bearer."""
        ...

    def take(self, ticket: str) -> Place | None:
        """Take the place that is kept for a ticket's bearer, which can be done once; None where none is."""
        ...


def socket_at(site: str, ref: str = "") -> str:
    """Return the address of a site's ``/ws``, which says for which session where that has a reference."""
    query = f"?{urlencode({SESSION: ref})}" if seal_in(ref) else ""
    return f"{site.replace('http', 'ws', 1)}/ws{query}"
