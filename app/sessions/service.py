"""What all sessions share: the inference thread, engines; and who is let in."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from app.access.caller import Caller
from app.access.key_ring import KeyRing
from app.access.minutes import USAGE, Minutes
from app.avatars.bundled import is_bundled
from app.avatars.store import DEFAULT_ID, NoSuchAvatar
from app.clock import Clock, MonotonicClock
from app.config import Settings
from app.errors import Refusal
from app.inference.engines.registry import Engines
from app.inference.scheduler.cost_meter import CostMeter
from app.inference.scheduler.worker import InferenceWorker
from app.ingest.inbox import Waiting
from app.log_context import SESSION, for_session
from app.media import NS_PER_S, TalkingFrame
from app.rtc.ice_network import IceNetwork
from app.session_ref import bare, new_id
from app.sessions.admission import Terms
from app.sessions.capacity import Capacity
from app.sessions.casting import Casting, release
from app.sessions.entrance import Entrance
from app.sessions.feeder import WAITING_BYTES
from app.sessions.lifetime import Lifetime, live_out
from app.sessions.owners import Owners
from app.sessions.places import Place, Places
from app.sessions.playout import Cast, Machinery, SessionLimits
from app.sessions.premises import Premises
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest
from app.sessions.timings import Timings
from app.threads import MeasuredPool
from app.tracing import START

logger = logging.getLogger(__name__)

# what is counted over all sessions, ended ones too
COUNTED = {
    "slots": "Slots of playout served.",
    "holds": "Slots that showed the idle picture.",
    "underruns": "Holds that cut into playing.",
    "gaps": "Holes put into a voice, as its next piece was not ready in time.",
    "drops": "Frames dropped to catch up.",
    "missed": "Slots that passed while the event loop was stuck.",
    "unsent": "Slots released that the tracks came too late for.",
    "repeats": "Pictures shown twice, as their engine could not keep up.",
    "rest_repeats": "Pictures at rest that were not drawn, as too many waited.",
    "rest_late": "Pictures at rest that were not drawn in time.",
}
CORES_A_REST = 4  # one of so many may draw faces at rest


class Service(Premises):
    """Opens and closes sessions. ``start`` and ``aclose`` belong together, on the event loop.

    ``ref_of``: what clients are to call a session with that id. ``keys``: where they are not in the data folder. For
    what else may be given see :class:`Premises`.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None = None,
        ref_of: Callable[[str], str] = str,
        keys: KeyRing | None = None,
        old_folder: Path | None = None,
    ) -> None:
        clock, keys = clock or MonotonicClock(), keys or KeyRing.of(settings)
        super().__init__(settings, clock, keys, Owners(keys, Minutes(settings.data_dir / USAGE), clock), old_folder)
        self._ref_of = ref_of
        self.network = IceNetwork.of(settings)
        self.engines = Engines(settings.weights_dir, settings.engine, settings.threads, life=settings.life)
        self.worker = InferenceWorker(self.clock)
        self.casting = Casting(self.engines, self.avatars, CostMeter(self.worker))
        # few threads, so that faces at rest take little from those that speak; they start with the first picture
        self._idle_pool = MeasuredPool(max(1, (os.cpu_count() or 1) // CORES_A_REST), "resting")
        self._encoder_pool = MeasuredPool(settings.threads or os.cpu_count() or 1, "encoder")
        self.capacity = Capacity(self.worker, self._encoder_pool, self._idle_pool, self.clock)
        self.timings = Timings()
        self.sessions: dict[str, Session] = {}
        self.ended: Counter[str] = Counter()
        self.opened = 0  # sessions so far
        self._watches: list[asyncio.Task[None]] = []
        self._lifetimes: set[asyncio.Task[None]] = set()
        self._drained_by_ns: int | None = None  # None: nobody stops it
        self.started = False
        self._waiting = Waiting(WAITING_BYTES)
        self._places = Places(settings.max_sessions, settings.max_sessions_per_address, self.clock)
        self.entrance = Entrance(self.capacity, self._places, self.clock)

    async def start(self) -> None:
        """Start the inference thread, and make the default avatar ready before the first visitor."""
        self.worker.start()
        await super().start()
        cast = await self.casting.find("auto", DEFAULT_ID)
        await asyncio.to_thread(self.capacity.calibrate, cast.avatar.image)
        release(cast)
        self._watches = [
            asyncio.create_task(self.timings.watch_loop(self.clock), name="loop watch"),
            asyncio.create_task(self.entrance.watch(), name="load watch"),
            asyncio.create_task(self.owners.watch(self.sessions.values, self._close_by_id), name="key watch"),
            asyncio.create_task(self.recordings.watch_quotas(self.kept_bytes), name="recordings' quotas"),
        ]
        self.started = True

    @property
    def draining(self) -> bool:
        """Whether it is being stopped: nobody new is let in."""
        return self._drained_by_ns is not None

    @property
    def drained(self) -> bool:
        """Whether it is being stopped, and nobody needs to be waited for any more."""
        if self._drained_by_ns is None:
            return False
        return not self.sessions or self.clock.now_ns() >= self._drained_by_ns

    def drain(self, within_s: float) -> None:
        """Let nobody new in, and tell every session that it may last so long; again is fine."""
        if self._drained_by_ns is None:
            self._drained_by_ns = self.clock.now_ns() + round(within_s * NS_PER_S)
            logger.info("service: is being stopped, %d sessions get up to %.0f s", len(self.sessions), within_s)
            for session in self.sessions.values():
                session.drain(self._drained_by_ns)

    async def end_sessions(self) -> None:
        """End all sessions at once, each in order: listeners are told why, viewers and files get their end."""
        sessions = list(self.sessions.values())
        for session in sessions:
            session.fail(Refusal("server_draining", "This server was stopped; make another session."))
        await asyncio.gather(*(self.close(session) for session in sessions), return_exceptions=True)

    async def aclose(self) -> None:
        """End every session and the thread."""
        for ending in self._lifetimes:
            ending.cancel()
        await asyncio.gather(*self._lifetimes, return_exceptions=True)
        for session in list(self.sessions.values()):
            await self.close(session)
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await super().aclose()
        await self.worker.aclose()
        for pool in (self._idle_pool, self._encoder_pool):
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def open(self, request: SessionRequest) -> Session:
        """Open a session, and start it.

        One that waits for its owner to watch it (no ``lifetime``) takes none of the machine's time before that, and is
        counted from :meth:`Entrance.admit` on.

        Raises:
            Refusal: ``server_draining``, ``server_full``, ``server_busy``, ``no_such_engine``, ``engine_unavailable``,
                ``no_such_avatar``, ``avatar_damaged``, ``too_many_sessions_here``, ``quota_sessions``,
                ``quota_minutes``, ``quota_bytes`` or ``key_revoked``.
        """
        with self.audit.act("session_made", key=request.owner, avatar=request.avatar) as line:
            session = await self._open(request)
            line["session"] = session.id
        return session

    async def look(self, request: SessionRequest) -> None:
        """Find out whether a session could be opened now, and have its face prepared; raises as :meth:`open` does."""
        self._require_future()
        self._places.require_share(request.address)
        self.owners.enter(request.owner)
        self.owners.leave(request.owner)
        await asyncio.to_thread(self._require_choice, request)
        cast = await self.casting.find(request.engine, request.avatar, request.background)
        try:
            async with self.entrance.turn(cast):
                pass
        finally:
            release(cast)

    async def _open(self, request: SessionRequest) -> Session:
        self._require_future()
        self._places.require_share(request.address)
        self.owners.enter(request.owner)
        cast: Cast | None = None
        place: Place | None = None
        try:
            if request.record:
                await self.kept_bytes.require_room(request.owner)
            start = START.get()
            with start.step("avatar"):
                await asyncio.to_thread(self._require_choice, request)
                await self.make_room()  # no sooner: who is refused anyway shall end nobody's session
                place = self._places.take(request.address)
                cast = await self.casting.find(request.engine, request.avatar, request.background)
            with start.step("admission"):  # standing in the row included
                async with self.entrance.turn(cast) as terms:
                    if not terms.alive:
                        cast = replace(cast, prepared=cast.prepared.without_idle_motion())
                    self._require_future()  # it may have ended while all that took its time
                    session = self._make(request, cast, terms)
                    self.sessions[session.id] = session
                    place.session = session
                    if request.lifetime is not None or not request.hold_until_viewer:
                        place.admit(None)
        except BaseException:
            self._places.leave(place)
            self.owners.leave(request.owner)
            if cast is not None:
                release(cast)
            raise
        try:
            SESSION.set(session.id)  # who opens it works for it from here on
            start.describe(session=session.id, engine=cast.engine.name, mode=request.mode)
            if request.record:
                session.record(self.recordings.begin(session.id, cast.avatar, request.owner))
            session.start(request.hold_until_viewer)
        except BaseException:
            await self.close(session)
            raise
        self.opened += 1
        logger.info("session %s: opened, %s, %s", session.id, cast.engine.name, request.mode)
        if request.lifetime is not None:
            ending = asyncio.create_task(self._end_in_time(session, request.lifetime), name=f"lifetime {session.id}")
            self._lifetimes.add(ending)
            ending.add_done_callback(self._lifetimes.discard)
        return session

    def find(self, id: str) -> Session:
        """Return an open session, by its id or a reference to it.

        Raises:
            Refusal: ``no_such_session``, or ``server_draining`` where it may just have been ended for that.
        """
        session = self.sessions.get(bare(id))
        if session is None:
            self._require_future()
            raise no_such_session(id)
        SESSION.set(session.id)  # who asks for it works for it from here on
        return session

    def find_own(self, id: str, caller: Caller) -> Session:
        """Return an open session of who asks; raises as :meth:`find` does, of others' too."""
        session = self.find(id)
        if not caller.may_change(session.owner):
            raise no_such_session(id)
        return session

    def own(self, caller: Caller) -> list[Session]:
        """Return all open sessions of who asks, the oldest first."""
        return [session for session in self.sessions.values() if caller.may_change(session.owner)]

    async def end_own(self, id: str, caller: Caller) -> None:
        """Close an open session of who asks; raises as :meth:`find_own` does."""
        await self.close(self.find_own(id, caller))

    async def close(self, session: Session) -> None:
        """Close a session; again is fine."""
        if self.sessions.pop(session.id, None) is None:
            return
        stats = asdict(session.stats())
        self.ended.update({name: stats[name] for name in COUNTED})
        with for_session(session.id):
            try:
                await session.aclose()
            finally:
                self._places.leave(self._places.of(session))
                release(session.cast)
                self.owners.leave(session.owner)
                self.audit.note(
                    "session_ended",
                    fields={"key": session.owner, "session": session.id, "played_ms": session.played_ms},
                )
                logger.info("session %s: closed", session.id)

    def forget(self, avatar: str) -> None:
        """Drop an avatar's tables; the next session makes them anew."""
        self.casting.forget(avatar)

    def avatars_in_use(self) -> set[str]:
        """Return those that speak."""
        return {session.cast.avatar.id for session in self.sessions.values()}

    def note_slot(self, late_ns: int) -> None:
        """See :class:`Observer`."""
        self.timings.note_slot(late_ns)
        self.capacity.note_slot(late_ns)

    def note_played(self, frame: TalkingFrame, now_ns: int) -> None:
        """See :class:`Observer`."""
        self.timings.note_stages(frame.timestamps, now_ns)

    async def _close_by_id(self, id: str) -> None:
        if (session := self.sessions.get(id)) is not None:
            await self.close(session)

    async def make_room(self) -> None:
        """End a session that nobody has come to watch, where all places are taken and somebody else wants one."""
        unused = self._places.unused()
        if unused is not None:
            unused.fail(Refusal("media_timeout", "Nobody came to watch this session, and its place was needed."))
            await self.close(unused)

    def _require_choice(self, request: SessionRequest) -> None:
        """Look whether there is the engine, and an avatar that may be used; another key's is as if not there. Blocks.

        Raises:
            Refusal: ``no_such_engine``, ``no_such_avatar``, ``avatar_damaged``.
        """
        self.casting.require_engine(request.engine)
        if is_bundled(request.avatar):
            return
        try:
            owner = self.avatars.info(request.avatar).owner
        except NoSuchAvatar:
            owner = None
        if owner not in ("", request.owner):
            raise Refusal("no_such_avatar", f'There is no avatar "{request.avatar}"; list them at /api/avatars.')

    async def _end_in_time(self, session: Session, lifetime: Lifetime) -> None:
        why = await live_out(session, lifetime, self.clock)
        logger.info("session %s: ends, as %s", session.id, why)
        await self.close(session)

    def _make(self, request: SessionRequest, cast: Cast, terms: Terms) -> Session:
        settings, id = self.settings, request.id or new_id()
        limits = SessionLimits(
            settings.buffer_high,
            settings.buffer_low,
            settings.voice_lead_packets,
            settings.video_bitrate,
            terms.effort,
            self.network,
            request.lifetime,
            request.owner,
            self._ref_of(id),
            request.next_utterance,
            request.mood,
        )
        machinery = Machinery(self.worker, self._idle_pool, self._encoder_pool, self.clock, self._waiting)
        return Session(id, request.mode, cast, limits, machinery, self)

    def _require_future(self) -> None:
        if self.draining:
            raise Refusal("server_draining", "This server is being stopped; try again, at another or in a minute.")


def no_such_session(id: str) -> Refusal:
    """Refuse what is asked of a session that is not there, or another's."""
    return Refusal("no_such_session", f'There is no session "{id}", or it has ended; make another.')
