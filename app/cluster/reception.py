"""The reception: a place for who may have one, on whichever stage, within the quotas of their key and address."""

from __future__ import annotations

from app.cluster.lease import Item
from app.cluster.lobby import Lobby
from app.cluster.placing import Kind, Placing, wish_of
from app.cluster.shared_addresses import SharedAddresses
from app.cluster.stages_offer import require_engine
from app.cluster.whereabouts import Whereabouts
from app.sessions.session_request import SessionRequest


class Reception:
    """Places sessions for the doors of a front."""

    def __init__(self, lobby: Lobby, placing: Placing, whereabouts: Whereabouts) -> None:
        self._lobby, self._placing, self._whereabouts = lobby, placing, whereabouts
        self._addresses = SharedAddresses(lobby.settings.max_sessions_per_address)

    async def count(self) -> None:
        """Know how much keys and addresses have used of what they may, on all stages."""
        minutes = await self._whereabouts.minutes()
        ended = self._placing.ended  # whoever has left makes room at once, not with the next card
        cards = [card.without(ended) for card in await self._whereabouts.cards()]
        self._lobby.shared_owners.update(cards, self._placing.owners, minutes)
        self._addresses.update(cards, self._placing.addresses)

    async def place(self, kind: Kind, request: SessionRequest, bare_id: str = "") -> Item:
        """Return what the stage says that takes it.

        Raises:
            Refusal: as :meth:`Placing.place` does; ``engine_unavailable`` where no stage can
                run it; ``too_many_sessions_here``, ``quota_sessions``, ``quota_minutes`` or ``key_revoked``.
        """
        await self.count()
        require_engine(request.engine, await self._whereabouts.cards())
        owners = self._lobby.owners
        with self._addresses.one_more(request.address):
            owners.enter(request.owner)
            try:
                return await self._placing.place(wish_of(kind, request, self._lobby.settings.front_url, bare_id))
            finally:
                owners.leave(request.owner)
