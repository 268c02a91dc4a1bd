"""A stage: our own server on a port of its own, in a thread of whichever process holds it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from app.access.key_ring import KeyRing
from app.cluster.lease import Item, Lease, StageLost
from app.cluster.seals import BadSeal, Seals
from app.cluster.stage_parts import StageParts
from app.cluster.stage_settings import first_free
from app.config import Settings
from app.config.origin import is_loopback
from app.errors import Refusal
from app.server import SWITCH_INTERVAL_S, allow_descriptors
from app.threads import name_thread

logger = logging.getLogger(__name__)

CARD_S = 0.5  # between two cards
ENGINES_S = 10.0  # between two looks which engines can run
STARTING_S = 0.02  # between two looks whether the server has started
AGAIN_S = 2.0  # until another stage is asked once more for a place

Kind = TypeVar("Kind")
# given a wish (as :meth:`StageServer.hold` takes it, with ``bare_id``), has another stage make that session, and
# returns its ``SessionMade`` as JSON; None or a Refusal where no stage has a place just now
PlaceElsewhere = Callable[[Item], Awaitable[Item | None]]


class StageServer:
    """Serves sessions that others place here. Every method may be called from any event loop.

    ``start`` and ``aclose`` belong together.
    """

    def __init__(self, settings: Settings, stage_id: str, ip: str, seals: Seals) -> None:
        """Take what is the same for all stages (``settings``, with a ``token_secret``), and what is this one's own."""
        self._settings, self._id, self._ip, self._seals = settings, stage_id, ip, seals
        self._ready: Future[tuple[asyncio.AbstractEventLoop, StageParts]] = Future()
        self._thread: threading.Thread | None = None
        self._card: Item = {}
        self._engines: Item = {}

    @property
    def url(self) -> str:
        """The address at which clients reach it; known once it has started."""
        return self._running[1].service.settings.public_url

    @property
    def inner(self) -> str:
        """The address at which it listens, for machines of the same network; known once it has started."""
        own = self._running[1].service.settings
        ip = own.host if is_loopback(own.host) else self._ip
        scheme = "https" if own.ssl_certfile else "http"
        return f"{scheme}://{f'[{ip}]' if ':' in ip else ip}:{own.port}"

    async def start(self) -> None:
        """Listen on the first free port, and return once sessions can be held.

        Raises:
            SettingsError: where no port is free, or the settings do not fit.
            EngineUnavailable, LandmarkFilesMissing: as ``serve`` says it.
            StageLost: where something else keeps the service from running.
        """
        assert self._thread is None, "a stage starts once"
        allow_descriptors()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._thread = threading.Thread(target=self._run, name="stage", daemon=True)
        self._thread.start()
        await asyncio.shield(asyncio.wrap_future(self._ready))

    async def hold(self, wish: Item) -> AsyncGenerator[Item, None]:
        """Make a session, or keep a place for one, and tell how it stands until it has ended.

        ``wish``: ``{"kind": "session"|"place", "request": {…}, "site", "bare_id"?, "next_utterance"?}``; ``request`` is
        a :class:`SessionRequest` as JSON (``dataclasses.asdict``). Yields one of ``{"made": {…}, "ref"}`` (with
        ``"again": True`` where the session of a ``bare_id`` was here already), ``{"place": {"url"}}`` and ``{"refused":
        {"code", "message"}}``; then ``{"alive": True}`` at least every five seconds; at last ``{"ended": True}``.

        A call that was refused while the stage has sessions without a lease goes on until one of those has ended: keep
        it open, so that they are counted.

        Raises:
            StageLost: the stage has ended meanwhile.
        """
        loop, parts = self._running
        lease = Lease()
        try:
            await self._there(parts.leases.take(lease, wish))
            assert lease.first is not None
            lease.told = True
            yield lease.first
            while (item := await self._there(lease.next())) is not None:
                yield item
            yield {"ended": True}
        finally:
            with contextlib.suppress(RuntimeError):  # the stage has ended
                loop.call_soon_threadsafe(parts.leases.let_go, lease)

    def card(self) -> Item:
        """Return what the stage is and has, at most a second old; never waits. Empty before the start."""
        return self._card

    def learn_minutes(self, elsewhere: Mapping[str, float]) -> None:
        """Take how many minutes the keys of its sessions have used today on other stages, as quotas hold over all."""
        loop, parts = self._running
        with contextlib.suppress(RuntimeError):  # the stage has ended
            loop.call_soon_threadsafe(parts.service.owners.learn_elsewhere, dict(elsewhere))

    async def drain(self, within_s: float, place_elsewhere: PlaceElsewhere | None = None) -> None:
        """Let nobody new in, have every session move away, and return once all have ended, within that.

        Without ``place_elsewhere`` all stages end: whoever is there is told that, and not to move.
        """
        moves = self._running[1].moves

        async def begin() -> list[str]:
            return moves.begin(within_s, place_elsewhere is not None)

        ids = await self._there(begin())
        placing = [asyncio.create_task(self._move(id, place_elsewhere)) for id in ids] if place_elsewhere else []
        try:
            await self._there(moves.ended())
        finally:
            for task in placing:
                task.cancel()
            await asyncio.gather(*placing, return_exceptions=True)

    async def aclose(self) -> None:
        """End every session in order, and the thread; again is fine."""
        if self._thread is None:
            return
        with contextlib.suppress(Exception):
            loop, parts = await asyncio.wrap_future(self._ready)
            loop.call_soon_threadsafe(parts.service.drain, 0.0)  # after which the server ends by itself
        await asyncio.to_thread(self._thread.join)

    @property
    def _running(self) -> tuple[asyncio.AbstractEventLoop, StageParts]:
        assert self._ready.done(), "the stage has not started"
        return self._ready.result()

    async def _there(self, work: Coroutine[Any, Any, Kind]) -> Kind:
        """Have something done on the stage's event loop."""
        loop = self._running[0]
        try:
            done = asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError:
            work.close()
            raise StageLost(f"The stage {self._id} has ended.") from None
        try:
            return await asyncio.wrap_future(done)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if done.cancelled() and task is not None and not task.cancelling():  # it was not who asks
                raise StageLost(f"The stage {self._id} has ended.") from None
            raise

    async def _move(self, id: str, place_elsewhere: PlaceElsewhere) -> None:
        """Have a session's twin made, as often as it is tried; until it is cancelled."""
        moves = self._running[1].moves

        async def wish() -> Item | None:
            return moves.wish(id)

        async def moved(made: Item) -> None:
            moves.moved(id, made)

        while (asked := await self._there(wish())) is not None:
            try:
                made = await place_elsewhere(asked)
                if made is not None:
                    await self._there(moved(made))
                    return
            except Refusal as refusal:
                logger.info("session %s: no place elsewhere, %s", id, refusal.code)
            except (BadSeal, KeyError):
                logger.error("session %s: its twin is no session of a stage", id)
                return
            except Exception:
                logger.exception("session %s: no place elsewhere", id)
            await asyncio.sleep(AGAIN_S)

    def _run(self) -> None:
        """Be the stage's thread."""
        name_thread("stage")
        try:
            listeners = first_free(self._settings, KeyRing.of(self._settings))
            try:
                parts = StageParts.make(self._settings, self._id, self._ip, self._seals, listeners)
                with asyncio.Runner(loop_factory=parts.server.config.get_loop_factory()) as runner:
                    runner.run(self._serve(parts))
            finally:
                for listener in listeners:
                    listener.close()
        except BaseException as error:  # SystemExit is how uvicorn says that it cannot start
            if self._ready.done():
                logger.exception("stage: has ended")
            else:
                cannot = StageLost(f"The stage {self._id} could not start; the log says why.")
                self._ready.set_exception(error if isinstance(error, Exception) else cannot)

    async def _serve(self, parts: StageParts) -> None:
        serving = asyncio.create_task(parts.server.serve(), name="server")
        while not parts.server.started and not serving.done():
            await asyncio.wait({serving}, timeout=STARTING_S)
        telling = asyncio.create_task(self._tell(parts), name="card")
        if not serving.done():
            logger.info("stage %s: is at %s", self._id, parts.service.settings.public_url)
            self._engines = await asyncio.to_thread(parts.engines)
            self._card = {**parts.card(), **self._engines}
            self._ready.set_result((asyncio.get_running_loop(), parts))
        try:
            await serving
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            await parts.moves.aclose()
            await parts.leases.aclose()
            await parts.roll.aclose()

    async def _tell(self, parts: StageParts) -> None:
        looked_s = time.monotonic()
        while True:
            if time.monotonic() - looked_s >= ENGINES_S:  # weights come and go
                self._engines, looked_s = await asyncio.to_thread(parts.engines), time.monotonic()
            self._card = {**parts.card(), **self._engines}
            await asyncio.sleep(CARD_S)
