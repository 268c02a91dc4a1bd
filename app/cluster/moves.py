"""Emptying a stage: its sessions are told to move, and seen off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, replace
from typing import Any

from app.api.session_made import WishClaims
from app.cluster.lease import Item
from app.cluster.leases import Leases
from app.cluster.stage_whereabouts import StageWhereabouts, Twin
from app.errors import Refusal
from app.media import NS_PER_S
from app.sessions.service import Service
from app.sessions.session import Session

# ends a twin on its stage, in the name of its owner (a key's id); returns whether that is done
EndTwin = Callable[[Twin, str], Awaitable[bool]]

logger = logging.getLogger(__name__)

LOOK_NS = NS_PER_S // 10  # between two looks at whoever has not left yet
END_TRIES, END_AGAIN_NS = 5, NS_PER_S  # at ending a twin
QUIET_NS = 10 * NS_PER_S  # for what was sent here to be heard, once its sender has left


class Moves:
    """Moves sessions away, once; on the stage's event loop.

    A session of a socket's is told to start again. One that was made over HTTP gets a twin elsewhere first, which
    somebody else makes (:meth:`wish`, :meth:`moved`); once its feeder has left for it, its viewers are let go. Where
    it is ended before that, as somebody deletes it, so is its twin: it would live on for nobody.
    """

    def __init__(self, service: Service, leases: Leases, whereabouts: StageWhereabouts, end_twin: EndTwin) -> None:
        self._service, self._leases, self._whereabouts, self._end_twin = service, leases, whereabouts, end_twin
        self._owners: dict[str, str] = {}  # of those that need a twin, as long as it is not there
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
        self._owners = {each.id: each.owner for each in sessions if has_elsewhere and each.limits.lifetime is not None}
        return list(self._owners)

    def wish(self, id: str) -> Item | None:
        """Return what another stage is to be asked for to make a session's twin; None: it needs none any more."""
        session = self._service.sessions.get(id)
        if session is None or session.over:
            return None
        try:
            request = WishClaims.of(session).request(id, session.next_utterance, hold_until_viewer=not session.begun)
            request = replace(request, mood=session.mood)
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
        session, owner = self._service.sessions.get(id), self._owners.pop(id, "")
        twin = self._whereabouts.note_twin(str(made["id"]), owner)
        if self._deadline_ns is None:
            return
        if session is None or session.over:  # it ended while its twin was made
            self._beside(self._end(id, twin, owner), f"ending the twin of {id}")
            return
        logger.info("session %s: has a twin at %s", id, twin.site)
        session.move(self._deadline_ns, twin.ref, str(made["feed"]["url"]))
        self._beside(self._see_off(session, twin), f"seeing off {id}")

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
    def _is_ending(self) -> bool:
        is_late = self._deadline_ns is not None and self._service.clock.now_ns() >= self._deadline_ns
        return is_late or self._service.draining

    @property
    def _is_in_use(self) -> bool:
        return self._leases.taken > 0

    async def _end(self, id: str, twin: Twin, owner: str) -> None:
        """End a twin; where the session ended as the stage does, the twin is what goes on."""
        clock = self._service.clock
        for _ in range(END_TRIES):
            if self._is_ending or await self._end_twin(twin, owner):
                return
            await clock.sleep_until(clock.now_ns() + END_AGAIN_NS)
        logger.warning("session %s: has ended, and its twin at %s may live on", id, twin.site)

    async def _see_off(self, session: Session, twin: Twin) -> None:
        """Wait until its feeder has left, and what they sent was heard; then let its viewers go."""
        clock = self._service.clock
        while session.fed and not session.over:
            await clock.sleep_until(clock.now_ns() + LOOK_NS)
        until_ns = clock.now_ns() + QUIET_NS
        while not session.is_quiet and not session.over and clock.now_ns() < until_ns:
            await clock.sleep_until(clock.now_ns() + LOOK_NS)
        if session.over:
            await self._end(session.id, twin, session.owner)
            return
        logger.info("session %s: has moved", session.id)
        await self._service.close(session)

    def _beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
