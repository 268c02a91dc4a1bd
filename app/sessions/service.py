"""What all sessions share: the inference thread, engines, avatars, and who is here."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from app.api.messages import BAD_MESSAGE, FULL, NO_AVATAR, ProtocolError, Start
from app.avatars.avatar import Avatar
from app.avatars.store import AvatarStore, NoSuchAvatar
from app.clock import Clock, MonotonicClock
from app.config import Settings
from app.faces.face import FaceFinder
from app.inference.engine import Engine, Prepared
from app.inference.engines.registry import Engines, EngineUnavailable, NoSuchEngine
from app.inference.scheduler.cost import CostKey
from app.inference.scheduler.worker import InferenceWorker
from app.rtc.picture_encoder import Effort
from app.sessions.admission import Terms
from app.sessions.capacity import SAMPLE_NS, Capacity, Inside
from app.sessions.session import Event, Session, SessionLimits
from app.sessions.timings import Timings
from app.threads import MeasuredPool

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
PREPARED_KEPT = 16  # avatars of which the tables stay in memory, some 14 MB each at 1080p
CORES_A_REST = 4  # one of so many may draw faces at rest


class Service:
    """Opens and closes sessions. ``start`` and ``aclose`` belong together, on the event loop."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or MonotonicClock()
        self.engines = Engines(settings.weights_dir, settings.engine, settings.threads, life=settings.life)
        self.avatars = AvatarStore(settings.data_dir, FaceFinder(), settings.max_side, settings.max_avatars)
        self.worker = InferenceWorker(self.clock)
        # few threads, so that faces at rest take little from those that speak; they start with the first picture
        resting_threads = max(1, (os.cpu_count() or 1) // CORES_A_REST)
        self.idle = MeasuredPool(resting_threads, "resting")
        self.encoders = MeasuredPool(settings.threads or os.cpu_count() or 1, "encoder")
        self.capacity = Capacity(self.worker, self.encoders, self.idle, self.clock)
        self.timings = Timings()
        self.sessions: dict[str, Session] = {}
        self.ended: Counter[str] = Counter()
        self._watches: list[asyncio.Task[None]] = []
        self._places = 0
        self._admitting = asyncio.Lock()  # one by one
        self._prepared: OrderedDict[tuple[str, str], asyncio.Task[tuple[Engine, Avatar, Prepared]]] = OrderedDict()

    async def start(self) -> None:
        """Start the inference thread, and make the default avatar ready before the first visitor."""
        self.worker.start()
        _, avatar, _ = await self._ready(self.engines.resolve("auto"), "default")
        await run_in_threadpool(self.capacity.calibrate, avatar.image)
        self._watches = [
            asyncio.create_task(self.timings.watch_loop(self.clock), name="loop watch"),
            asyncio.create_task(self._watch_load(), name="load watch"),
        ]

    async def aclose(self) -> None:
        """End every session and the thread."""
        for session in list(self.sessions.values()):
            await self.close(session)
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await self.worker.aclose()
        for pool in (self.idle, self.encoders):
            await run_in_threadpool(pool.shutdown, cancel_futures=True)

    async def open(
        self, start: Start, notify: Callable[[Event], None], fail: Callable[[ProtocolError], None]
    ) -> Session:
        """Open a session.

        Raises:
            ProtocolError: ``server_full``, ``server_busy``, ``no_such_engine``, ``engine_unavailable`` or
                ``no_such_avatar``.
        """
        if self._places >= self.settings.max_sessions:
            raise ProtocolError(
                FULL, "server_full", f"All {self.settings.max_sessions} places are taken; try again in a minute."
            )
        self._places += 1
        try:
            engine, avatar, prepared = await self._ready_or_refuse(start)
            async with self._admitting:
                await self.capacity.until_known(self._inside)
                terms = self._terms(engine, prepared)
                prepared = prepared if terms.alive else prepared.without_idle_motion()
                session = self._make(start, engine, avatar, prepared, terms.effort, notify, fail)
                self.sessions[session.id] = session
        except BaseException:
            self._places -= 1
            raise
        session.start()
        logger.info("session %s: opened, %s, %s", session.id, engine.name, start.mode)
        return session

    async def close(self, session: Session) -> None:
        """Close a session; again is fine."""
        if self.sessions.pop(session.id, None) is None:
            return
        stats = session.stats()
        self.ended.update({name: stats[name] for name in COUNTED})
        try:
            await session.aclose()
        finally:
            self._places -= 1
            logger.info("session %s: closed", session.id)

    def forget(self, avatar_id: str) -> None:
        """Drop a deleted or corrected avatar's tables; the next session makes them anew."""
        for key in [key for key in self._prepared if key[1] == avatar_id]:
            del self._prepared[key]

    def _make(
        self,
        start: Start,
        engine: Engine,
        avatar: Avatar,
        prepared: Prepared,
        effort: Effort,
        notify: Callable[[Event], None],
        fail: Callable[[ProtocolError], None],
    ) -> Session:
        settings = self.settings
        limits = SessionLimits(
            settings.buffer_high,
            settings.buffer_low,
            settings.voice_lead_packets,
            settings.video_bitrate,
            effort,
            settings.ice_servers,
        )
        return Session(
            secrets.token_hex(4),
            start,
            engine,
            avatar,
            prepared,
            self.worker,
            self.idle,
            self.encoders,
            limits,
            self.clock,
            notify,
            fail,
            self.timings,
            self._note_slot,
        )

    def _terms(self, engine: Engine, prepared: Prepared) -> Terms:
        """Let in who fits: a voice more is worth more than a blink, and those inside shall not notice.

        Raises:
            ProtocolError: ``server_busy``.
        """
        alive, calm = CostKey.of(engine, prepared), CostKey.of(engine, prepared.without_idle_motion())
        terms = self.capacity.terms(self._inside(), alive, calm)
        if terms is None:
            count = len(self.sessions)
            faces = "one face" if count == 1 else f"{count} faces"
            raise ProtocolError(
                FULL,
                "server_busy",
                f"This machine is busy with {faces} and has no time for another; "
                "try again in a minute, or choose a smaller picture or a lighter engine.",
            )
        return terms

    def _inside(self) -> list[Inside]:
        return [session.inside for session in self.sessions.values()]

    async def _watch_load(self) -> None:
        """Sample what sessions take until cancelled."""
        while True:
            self.capacity.sample(self._inside())
            await self.clock.sleep_until(self.clock.now_ns() + SAMPLE_NS)

    def _note_slot(self, late_ns: int) -> None:
        self.timings.note_slot(late_ns)
        self.capacity.note_slot(late_ns)

    async def _ready_or_refuse(self, start: Start) -> tuple[Engine, Avatar, Prepared]:
        try:
            return await self._ready(self.engines.resolve(start.engine), start.avatar)
        except NoSuchEngine as error:
            names = ", ".join(status.name for status in self.engines.statuses())
            raise ProtocolError(
                BAD_MESSAGE, "no_such_engine", f'There is no engine "{error}"; choose auto or one of {names}.'
            ) from error
        except EngineUnavailable as error:
            raise ProtocolError(BAD_MESSAGE, "engine_unavailable", str(error)) from error
        except NoSuchAvatar as error:
            raise ProtocolError(
                NO_AVATAR, "no_such_avatar", f'There is no avatar "{error}"; list them at /api/avatars.'
            ) from error

    async def _ready(self, engine: str, avatar_id: str) -> tuple[Engine, Avatar, Prepared]:
        """Load an engine and prepare an avatar, each pair once however many ask at the same time."""
        key = (engine, avatar_id)
        task = self._prepared.get(key)
        if task is None:
            task = asyncio.create_task(self._prepare_and_measure(engine, avatar_id))
            task.add_done_callback(lambda done: self._forget_failed(key, done))
            self._prepared[key] = task
        self._prepared.move_to_end(key)
        while len(self._prepared) > PREPARED_KEPT:
            self._prepared.popitem(last=False)
        return await asyncio.shield(task)

    def _forget_failed(self, key: tuple[str, str], task: asyncio.Task[tuple[Engine, Avatar, Prepared]]) -> None:
        """The next visitor shall try again."""
        if (task.cancelled() or task.exception()) and self._prepared.get(key) is task:
            del self._prepared[key]

    async def _prepare_and_measure(self, engine_name: str, avatar_id: str) -> tuple[Engine, Avatar, Prepared]:
        engine, avatar, prepared = await run_in_threadpool(self._prepare, engine_name, avatar_id)
        await self.worker.measure(engine, prepared)
        await self.worker.measure(engine, prepared.without_idle_motion())
        return engine, avatar, prepared

    def _prepare(self, engine_name: str, avatar_id: str) -> tuple[Engine, Avatar, Prepared]:
        engine = self.engines.get(engine_name)
        avatar = self.avatars.load(avatar_id)
        return engine, avatar, engine.prepare(avatar)
