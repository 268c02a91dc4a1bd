"""Engines and avatars made ready for each other, each pair once."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from app.avatars.background import LiveBackground, background_of
from app.avatars.frame_file import FrameFileClosed
from app.avatars.reframed import with_background
from app.avatars.store import AvatarStore, NoSuchAvatar
from app.errors import Refusal
from app.inference.engines.registry import Engines, EngineUnavailable, NoSuchEngine
from app.inference.scheduler.cost_meter import CostMeter
from app.sessions.playout import Cast

logger = logging.getLogger(__name__)

_Pair = tuple[str, str, LiveBackground]  # an engine's name, an avatar's id, what shows behind it

CASTS_KEPT = 16  # of which the tables stay in memory, some 14 MB each at 1080p


def hold(cast: Cast) -> None:
    """Keep what a pair needs of the disk, until it is released."""
    if cast.avatar.video is not None:
        cast.avatar.video.hold()


def release(cast: Cast) -> None:
    """Let go of it."""
    if cast.avatar.video is not None:
        cast.avatar.video.release()


class Casting:
    """Loads engines, prepares avatars, and learns what they cost. On the event loop; the work is done in threads.

    It holds a video's file as long as it keeps what was made of it; so does each to whom :meth:`find` gave that.

    Bound: ``CASTS_KEPT`` pairs; full: the longest unused goes.
    """

    def __init__(self, engines: Engines, avatars: AvatarStore, meter: CostMeter) -> None:
        self._engines, self._avatars, self._meter = engines, avatars, meter
        self._casts: OrderedDict[_Pair, asyncio.Task[Cast]] = OrderedDict()

    async def find(self, engine: str, avatar_id: str, background: LiveBackground = "keep") -> Cast:
        """Return a pair, made ready once however many ask at the same time; the caller releases it.

        Raises:
            Refusal: ``no_such_engine``, ``engine_unavailable``, ``no_such_avatar``, ``avatar_damaged``; with another
                ``background`` than its own ``mask_unsure`` or ``framing_of_video``.
        """
        try:
            name = await asyncio.to_thread(self._asked_for, engine, avatar_id)
            return await self._held((name, avatar_id, background))
        except NoSuchEngine as error:
            raise self._no_such(error) from error
        except EngineUnavailable as error:
            # it names files of this machine, and what whoever runs it may install
            logger.warning("casting: an engine that was asked for cannot run: %s", error)
            raise Refusal(
                "engine_unavailable", "This engine cannot run here, and the server's log says why; choose another."
            ) from error
        except NoSuchAvatar as error:
            self.forget(avatar_id)
            raise Refusal("no_such_avatar", f'There is no avatar "{error}"; list them at /api/avatars.') from error

    def require_engine(self, engine: str) -> None:
        """Look whether there is an engine of a name. Blocks.

        Raises:
            Refusal: ``no_such_engine``.
        """
        try:
            self._engines.resolve(engine)
        except NoSuchEngine as error:
            raise self._no_such(error) from error

    def forget(self, avatar_id: str) -> None:
        """Drop a deleted or corrected avatar's tables; the next session makes them anew."""
        for key in [key for key in self._casts if key[1] == avatar_id]:
            self._drop(self._casts.pop(key))

    def _no_such(self, error: NoSuchEngine) -> Refusal:
        names = ", ".join(self._engines.names)
        return Refusal("no_such_engine", f'There is no engine "{error}"; choose auto or one of {names}.')

    async def _held(self, pair: _Pair) -> Cast:
        while True:
            cast = await self._ready(pair)
            try:
                hold(cast)
                return cast
            except FrameFileClosed:  # it was forgotten just now
                await asyncio.sleep(0)

    async def _ready(self, key: _Pair) -> Cast:
        task = self._casts.get(key)
        if task is None:
            task = asyncio.create_task(self._prepare_and_measure(key))
            task.add_done_callback(lambda done: self._settle(key, done))
            self._casts[key] = task
        self._casts.move_to_end(key)
        while len(self._casts) > CASTS_KEPT:
            self._drop(self._casts.popitem(last=False)[1])
        return await asyncio.shield(task)

    def _settle(self, key: _Pair, task: asyncio.Task[Cast]) -> None:
        """Let the next visitor try again where it failed; let go of what was forgotten meanwhile."""
        is_kept = self._casts.get(key) is task
        if task.cancelled() or task.exception():
            if is_kept:
                del self._casts[key]
        elif not is_kept:
            release(task.result())

    def _drop(self, task: asyncio.Task[Cast]) -> None:
        if task.done():  # otherwise it is settled when it is
            release(task.result())

    async def _prepare_and_measure(self, pair: _Pair) -> Cast:
        cast = await asyncio.to_thread(self._prepare, *pair)
        await self._meter.measure(cast.engine, cast.prepared)
        await self._meter.measure(cast.engine, cast.prepared.without_idle_motion())
        return cast

    def _asked_for(self, engine: str, avatar_id: str) -> str:
        """Return the name of the engine that is meant, and note the avatar's use: it may be gone, though it is cast."""
        name = self._engines.resolve(engine)
        self._avatars.use(avatar_id)
        return name

    def _prepare(self, engine_name: str, avatar_id: str, background: LiveBackground) -> Cast:
        engine = self._engines.get(engine_name)
        avatar, _ = with_background(self._avatars.load(avatar_id), background_of(background))
        return Cast(engine, avatar, engine.prepare(avatar), background)
