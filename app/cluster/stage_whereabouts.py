"""Where sessions are that are not here: as a stage's doors ask it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.api.whereabouts import At, Place, anybodys
from app.cluster.seals import BadSeal, Owner, Seals
from app.cluster.tickets import Tickets
from app.session_ref import bare
from app.sessions.service import Service


@dataclass(frozen=True, slots=True)
class Twin:
    """A session that was made elsewhere to take the place of one here; ``owner``: the id of its key."""

    ref: str
    site: str
    owner: str = ""


class StageWhereabouts:
    """What a stage knows: its own sessions, what references say, and the twins of those that move away.

    Bound: one twin a session of this stage, which is closed once all have moved.
    """

    def __init__(self, service: Service, tickets: Tickets, seals: Seals, own: Owner) -> None:
        """``own`` is this stage, as its seal has it."""
        self._service, self._tickets, self._seals = service, tickets, seals
        self._site, self._id = own.url, own.stage
        self._twins: dict[str, Twin] = {}

    @property
    def front(self) -> str:
        """See :class:`Whereabouts`."""
        return self._service.settings.front_url

    def of(self, ref: str, may: Callable[[str], bool] = anybodys) -> At | None:
        """See :class:`Whereabouts`. What lives here is here, whatever a reference says: it may have come back."""
        id = bare(ref)
        is_here, twin = id in self._service.sessions, self._twins.get(id)
        if twin is not None and not is_here and may(twin.owner):
            return At(twin.ref, self._service.settings.shown(twin.site), twin.owner)
        if twin is not None and ref == twin.ref:
            return At(ref, self._service.settings.shown(twin.site))
        if is_here:
            return None
        try:
            owner = self._seals.open(ref)
        except BadSeal:
            return None
        if owner.url != self._site:
            return At(ref, self._service.settings.shown(owner.url))
        # one that stood at this address before: who is left of its sessions, a front knows
        return None if owner.stage == self._id else At("", self.front)

    def keeps(self, ticket: str) -> bool:
        """See :class:`Whereabouts`."""
        return ticket in self._tickets

    def take(self, ticket: str) -> Place | None:
        """See :class:`Whereabouts`."""
        return self._tickets.take(ticket)

    def note_twin(self, ref: str, owner: str) -> Twin:
        """Remember where a session of this stage goes on, and whose it is.

        Raises:
            BadSeal: the reference says no owner.
        """
        twin = self._twins[bare(ref)] = Twin(ref, self._seals.open(ref).url, owner)
        return twin
