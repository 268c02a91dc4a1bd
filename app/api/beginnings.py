"""How a conversation on ``/ws`` comes by its session."""

from __future__ import annotations

from fastapi import WebSocket

from app.api.auth import Gate
from app.api.client_messages import AttachMessage, StartMessage
from app.api.whereabouts import At, Elsewhere, Place, Whereabouts, nobodys, socket_at
from app.errors import Refusal
from app.log_context import KEY
from app.peer_address import address_of
from app.sessions.service import Service
from app.sessions.session import Session
from app.tracing import following

TICKET = "place"  # of the query


class Beginnings:
    """Opens sessions for ``start`` and finds them for ``attach``; a stage, which has ``whereabouts``, sends others on.

    There, ``start`` wants a ticket (``?place=``) of the front's, as that is where places are counted.
    """

    def __init__(self, service: Service, gate: Gate, whereabouts: Whereabouts | None = None) -> None:
        self._service, self._gate, self._whereabouts = service, gate, whereabouts

    async def start(self, socket: WebSocket, message: StartMessage) -> Session:
        """Open the session that a first message asks for.

        Raises:
            Refusal: as the gate and the service do.
            Elsewhere: where no place is kept for who asks.
        """
        if self._whereabouts is None:
            return await self._open(socket, message, None)
        place = self._whereabouts.take(socket.query_params.get(TICKET, ""))
        if place is None:
            raise Elsewhere(socket_at(self._whereabouts.front))
        session = None
        try:
            session = await self._open(socket, message, place)
        finally:
            place.settle(session)
        return session

    def attach(self, message: AttachMessage) -> Session:
        """Find the session that a first message wants to feed.

        Raises:
            Refusal: as the gate and the service do.
            Elsewhere: where it is another's.
        """
        if (at := self._where(message)) is not None:
            raise Elsewhere(socket_at(at.url, at.ref))
        self._gate.tokens.check(message.token, message.session, "feed")
        session = self._service.find(message.session)
        KEY.set(session.owner)
        session.number_from(message.next_utterance)
        return session

    def _where(self, message: AttachMessage) -> At | None:
        """Return where a session is, as far as the bearer of a token may know; None where it is here."""
        at = self._whereabouts.of(message.session) if self._whereabouts is not None else None
        if self._whereabouts is None or at is None or at.owner is None:
            return at
        try:
            self._gate.tokens.check(message.token, message.session, "feed")
        except Refusal:
            return self._whereabouts.of(message.session, nobodys)
        return at

    async def _open(self, socket: WebSocket, message: StartMessage, place: Place | None) -> Session:
        if place is not None and place.owner:
            owner = place.owner  # whose key the front has seen
            KEY.set(owner)
        else:
            owner = (await self._gate.check_key_text(socket, message.key)).id
        client = socket.client
        address = address_of(client.host if client else None)
        with following(self._service.tracing.begin("session start", socket.headers)):
            return await self._service.open(message.request(owner, address))
