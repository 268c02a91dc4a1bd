"""The leases of a stage: who asks for a session gets one, and is told how it stands until it has ended.

The stage's own count is the truth. Ray's is the number of calls that are open: a session whose call was lost, as its
front died, is an orphan, which another call stands in for as soon as one has to be refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.api.auth import Gate
from app.api.beginnings import TICKET
from app.api.session_made import describe_made
from app.api.whereabouts import socket_at
from app.cluster.lease import Item, Lease
from app.cluster.tickets import Ticket, Tickets
from app.cluster.wish import Wish
from app.errors import Refusal
from app.log_context import ADDRESS, KEY
from app.media import NS_PER_S
from app.sessions.service import Service
from app.sessions.session import Session
from app.tracing import following

logger = logging.getLogger(__name__)

LOOK_NS = NS_PER_S // 5
CROWDED = ("server_full", "server_busy")  # refusals that come of more sessions than who sent the call knew of


@dataclass(frozen=True, slots=True)
class Origin:
    """From which address a session was asked for, and the id of the place that was kept for it, where one was."""

    address: str = ""
    place: str = ""


NOWHERE = Origin()


class Leases:
    """Opens sessions, keeps places, and knows whose lease each is. On the stage's event loop.

    Bound: ``max_sessions`` sessions, tickets and openings; full: refused.
    """

    def __init__(self, service: Service, gate: Gate, ref_of: Callable[[str], str]) -> None:
        self._service, self._gate = service, gate
        self.tickets = Tickets(self._settle, ref_of)
        self._held: dict[str, Lease] = {}  # bare id → the lease of an open session
        self._stand_ins: dict[str, Lease] = {}  # bare id → the one that stands in for a lost one
        self._opening: dict[str, asyncio.Event] = {}  # bare id → whether a session that comes back is there
        self._origins: dict[str, Origin] = {}  # bare id → how it came here
        self._present: set[str] = set()  # bare ids of sessions that have not ended, to the last of their files
        self._coming = 0  # sessions that are being opened
        self._watches: set[asyncio.Task[None]] = set()
        self._farewell: Callable[[Session], None] | None = None

    @property
    def draining(self) -> bool:
        """Whether nobody new is let in."""
        return self._farewell is not None

    @property
    def orphans(self) -> list[Session]:
        """The sessions whose lease was lost, and that no other call stands in for."""
        known = self._held.keys() | self._stand_ins.keys()
        return [session for id, session in self._service.sessions.items() if id not in known]

    def origin_of(self, id: str) -> Origin:
        """Return how a session came here."""
        return self._origins.get(id, NOWHERE)

    def drain(self, farewell: Callable[[Session], None]) -> None:
        """Let nobody new in. Who comes with a ticket still may; ``farewell`` is given their sessions."""
        self._farewell = farewell

    async def take(self, lease: Lease, said: Mapping[str, Any]) -> None:
        """Answer a call, as ``lease.first``; what it stands for from then on ends the lease."""
        try:
            lease.first = await self._grant(lease, Wish.parse(said))
        except Refusal as refusal:
            lease.first = {"refused": {"code": refusal.code, "message": refusal.message}}
            self._stand_in(lease, refusal)

    def let_go(self, lease: Lease) -> None:
        """Take that nobody listens to a lease any more: its session lives on, unless nobody was ever told of it."""
        lease.is_lost = True
        for id in [id for id, each in self._stand_ins.items() if each is lease]:
            del self._stand_ins[id]
        for id in [id for id, each in self._held.items() if each is lease]:
            del self._held[id]
            session = self._service.sessions.get(id)
            if session is None:
                continue
            if lease.told:
                logger.warning("session %s: its lease was lost, it lives on", id)
            else:
                self._beside(self._service.close(session), f"closing {id}")

    async def aclose(self) -> None:
        """Let all go who listen; sessions are the service's to end."""
        self.tickets.close()
        for task in self._watches:
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        for lease in (*self._held.values(), *self._stand_ins.values()):
            lease.end()

    async def _grant(self, lease: Lease, wish: Wish) -> Item:
        asked = wish.asked
        ADDRESS.set(asked.address)  # whoever asks at the front; what is done here is done for them
        KEY.set(asked.owner)
        if not asked.id:
            return await self._new(lease, wish)
        while (opening := self._opening.get(asked.id)) is not None:
            await opening.wait()  # somebody else is bringing it back
        session = self._service.sessions.get(asked.id)
        if session is not None and not session.over:
            self._adopt(session, lease)
            return {**self._made(session, wish.site), "again": True}
        opened = self._opening[asked.id] = asyncio.Event()
        try:
            if session is not None:
                await session.closed.wait()
            return await self._new(lease, wish)
        finally:
            del self._opening[asked.id]
            opened.set()

    async def _new(self, lease: Lease, wish: Wish) -> Item:
        if self.draining:
            raise Refusal("server_draining", "This stage is being emptied; another has room.")
        await self._require_place()
        self._coming += 1
        try:
            if wish.kind == "place":
                await self._service.look(wish.asked)
                await asyncio.to_thread(self._require_engine, wish.asked.engine)
                ticket = self.tickets.make(wish.asked.owner, wish.asked.address, lease)
                site = self._service.settings.public_url
                return {"place": {"url": f"{socket_at(site)}?{TICKET}={ticket.text}", "id": ticket.id}}
            with following(self._service.tracing.begin("session start", {})):
                session = await self._service.open(wish.asked)
        finally:
            self._coming -= 1
        self._hold(session, lease, Origin(wish.asked.address))
        if wish.outputs:
            self._beside(self._push_on(session, wish), f"outputs of {session.id}")
        return self._made(session, wish.site)

    def _require_engine(self, name: str) -> None:
        """Look whether an engine can run here, where no session is made that would find out. Blocks.

        Raises:
            Refusal: ``engine_unavailable``.
        """
        engines = self._service.engines
        meant = engines.resolve(name)
        if not all(status.available for status in engines.statuses() if status.name == meant):
            raise Refusal("engine_unavailable", "This stage cannot run this engine; choose another.")

    async def _require_place(self) -> None:
        """Look whether a place is neither taken nor kept.

        Raises:
            Refusal: ``server_full``.
        """
        if self.taken >= self._service.settings.max_sessions:
            await self._service.make_room()
        if self.taken >= self._service.settings.max_sessions:
            most = self._service.settings.max_sessions
            raise Refusal("server_full", f"All {most} places are taken; try again in a minute.")

    @property
    def taken(self) -> int:
        """How many places are taken, kept for somebody, or about to be."""
        return len(self._present) + len(self.tickets) + self._coming

    def _made(self, session: Session, site: str) -> Item:
        made = describe_made(session, self._gate, self._service.settings.public_url, site)
        return {"made": made.model_dump(mode="json"), "ref": session.ref}

    def _hold(self, session: Session, lease: Lease, origin: Origin) -> None:
        """Let a lease last as long as a session."""
        self._origins[session.id] = origin
        self._present.add(session.id)
        if not lease.is_lost:
            self._held[session.id] = lease
        elif not lease.told:  # nobody will ever know of it
            self._beside(self._service.close(session), f"closing {session.id}")
        if self._farewell is not None:
            self._farewell(session)
        self._beside(self._watch(session), f"lease of {session.id}")

    def _adopt(self, session: Session, lease: Lease) -> None:
        """Let a lease last as long as a session that may have lost its own; else it ends at once."""
        if session.id in self._held or lease.is_lost:
            lease.end()
            return
        self._held[session.id] = lease
        if (stand_in := self._stand_ins.pop(session.id, None)) is not None:
            stand_in.end()

    def _stand_in(self, lease: Lease, refusal: Refusal) -> None:
        orphans = self.orphans if refusal.code in CROWDED and not lease.is_lost else []
        if orphans:
            self._stand_ins[orphans[0].id] = lease
            logger.info("session %s: a call that was refused stands in for its lost lease", orphans[0].id)
        else:
            lease.end()

    def _settle(self, ticket: Ticket, session: Session | None) -> None:
        """Take what became of a place that was kept."""
        if session is None:
            ticket.lease.end()
        else:
            self._hold(session, ticket.lease, Origin(ticket.address, ticket.id))

    async def _push_on(self, session: Session, wish: Wish) -> None:
        """Go on with the outputs of a session that has come here: servers refuse a second one beside it."""
        clock = self._service.clock
        while wish.is_fed and not session.was_fed and not session.over:
            await clock.sleep_until(clock.now_ns() + LOOK_NS)
        for request in () if session.over else wish.outputs:
            try:
                session.outputs.add(request)
            except Refusal as refusal:
                logger.warning("session %s: an output does not go on, %s", session.id, refusal.code)

    async def _watch(self, session: Session) -> None:
        await session.closed.wait()
        self._present.discard(session.id)
        self._origins.pop(session.id, None)
        for leases in (self._held, self._stand_ins):
            if (lease := leases.pop(session.id, None)) is not None:
                lease.end()

    def _beside(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)
