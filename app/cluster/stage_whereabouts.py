"""Where sessions are that are not here: as a stage's doors ask it."""

from __future__ import annotations

from dataclasses import dataclass

from app.api.whereabouts import Place
from app.cluster.seals import BadSeal, Seals
from app.cluster.tickets import Tickets
from app.session_ref import bare
from app.sessions.service import Service


@dataclass(frozen=True, slots=True)
class Twin:
    """A session that was made elsewhere to take the place of one here."""

    ref: str
    site: str


class StageWhereabouts:
    """What a stage knows: its own sessions, what references say, and the twins of those that move away.

    Bound: one twin a session of this stage, which is closed once all have moved.
    """

    def __init__(self, service: Service, tickets: Tickets, seals: Seals, front: str) -> None:
        self._service, self._tickets, self._seals, self._front = service, tickets, seals, front
        self._twins: dict[str, Twin] = {}

    @property
    def front(self) -> str:
        """See :class:`Whereabouts`."""
        return self._front

    def of(self, ref: str) -> str | None:
        """See :class:`Whereabouts`. What lives here is here, whatever a reference says: it may have come back."""
        id = bare(ref)
        is_here, twin = id in self._service.sessions, self._twins.get(id)
        if twin is not None and (not is_here or ref == twin.ref):
            return twin.site
        if is_here:
            return None
        try:
            site = self._seals.open(ref).url
        except BadSeal:
            return None
        return None if site == self._service.settings.public_url else site

    def keeps(self, ticket: str) -> bool:
        """See :class:`Whereabouts`."""
        return ticket in self._tickets

    def take(self, ticket: str) -> Place | None:
        """See :class:`Whereabouts`."""
        return self._tickets.take(ticket)

    def note_twin(self, ref: str) -> Twin:
        """Remember where a session of this stage goes on.

        Raises:
            BadSeal: the reference says no owner.
        """
        twin = self._twins[bare(ref)] = Twin(ref, self._seals.open(ref).url)
        return twin
