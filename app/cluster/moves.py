"""Emptying a stage: its sessions are told to move, and seen off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any

from app.api.session_made import WishClaims
from app.cluster.lease import Item
from app.cluster.leases import Leases
from app.cluster.stage_whereabouts import StageWhereabouts
from app.errors import Refusal
from app.media import NS_PER_S
from app.sessions.service import Service
from app.sessions.session import Session

logger = logging.getLogger(__name__)

LOOK_NS = NS_PER_S // 10  # between two looks at whoever has not left yet
QUIET_NS = 10 * NS_PER_S  # for what was sent here to be heard, once its sender has left


class Moves:
    """Moves sessions away, once; on the stage's event loop.

    A session of a socket's is told to start again. One that was made over HTTP gets a twin elsewhere first, which
    somebody else makes (:meth:`wish`, :meth:`moved`); once its feeder has left for it, its viewers are let go.
    """

    def __init__(self, service: Service, leases: Leases, whereabouts: StageWhereabouts) -> None:
        self._service, self._leases, self._whereabouts = service, leases, whereabouts
        self._deadline_ns: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, within_s: float, has_elsewhere: bool) -> list[str]:
        """Let nobody new in, and tell those who are there; where they can go elsewhere, return who needs a twin."""
        if self._deadline_ns is not None:
            return []
        self._deadline_ns = deadline_ns = self._service.clock.now_ns() + round(within_s * NS_PER_S)
        sessions = list(self._service.sessions.values())
        logger.info("stage: is being emptied, %d sessions get up to %.0f s", len(sessions), within_s)

        def tell(session: Session) -> None:
            if not has_elsewhere:
                session.drain(deadline_ns)
            elif session.limits.lifetime is None:
                session.move(deadline_ns)

        self._leases.drain(tell)
        for session in sessions:
            tell(session)
        return [session.id for session in sessions if has_elsewhere and session.limits.lifetime is not None]

    def wish(self, id: str) -> Item | None:
        """Return what another stage is to be asked for to make a session's twin; None: it needs none any more."""
        session = self._service.sessions.get(id)
        if session is None or session.over:
            return None
        try:
            request = WishClaims.of(session).request(id, session.next_utterance, hold_until_viewer=not session.begun)
        except Refusal:  # its time is up
            return None
        return {
            "kind": "session",
            "request": asdict(request),
            "bare_id": id,
            "next_utterance": session.next_utterance,
            "site": self._service.settings.front_url,
            "outputs": [asdict(each) for each in session.outputs.wanted()],
            "is_fed": session.fed,
        }

    def moved(self, id: str, made: Item) -> None:
        """Take that a session's twin was made, and tell whoever feeds it.

        Raises:
            BadSeal: what was made is no session of a stage.
        """
        twin = self._whereabouts.note_twin(str(made["id"]))
        session = self._service.sessions.get(id)
        if session is None or self._deadline_ns is None:
            return
        logger.info("session %s: has a twin at %s", id, twin.site)
        session.move(self._deadline_ns, twin.ref, str(made["feed"]["url"]))
        self._beside(self._see_off(session), f"seeing off {id}")

    async def ended(self) -> None:
        """Return once all sessions have ended; those that are still there when the time is up are ended."""
        assert self._deadline_ns is not None
        clock = self._service.clock
        while self._is_in_use and clock.now_ns() < self._deadline_ns:
            await clock.sleep_until(clock.now_ns() + LOOK_NS)
        await self._service.end_sessions()

    async def aclose(self) -> None:
        """See nobody off any more; again is fine."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _is_in_use(self) -> bool:
        return self._leases.taken > 0

    async def _see_off(self, session: Session) -> None:
        """Wait until its feeder has left, and what they sent was heard; then let its viewers go."""
        clock = self._service.clock
        while session.fed and not session.over:
            await clock.sleep_until(clock.now_ns() + LOOK_NS)
        until_ns = clock.now_ns() + QUIET_NS
        while not session.is_quiet and not session.over and clock.now_ns() < until_ns:
            await clock.sleep_until(clock.now_ns() + LOOK_NS)
        logger.info("session %s: has moved", session.id)
        await self._service.close(session)

    def _beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
