"""A replica of the stages' deployment: our own server beside Serve's loop, which holds nothing but leases."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import ray
from ray import serve

from app import __version__
from app.clock import MonotonicClock
from app.cluster.aside import stand_aside
from app.cluster.lease import Item
from app.cluster.node_settings import of_this_node
from app.cluster.ray_directory import RayDirectory
from app.cluster.replica_states import Stopping, read_stopping
from app.cluster.seals import Seals
from app.cluster.serve_log import log_into_serve
from app.cluster.stage_server import StageServer
from app.config import Settings
from app.errors import Refusal
from app.media import NS_PER_S

logger = logging.getLogger(__name__)

LOOK_S = 0.2  # between looks at who has come and gone
CARD_NS = NS_PER_S  # between cards, while nobody does
STUCK_NS = 20 * NS_PER_S  # that the stage's thread may say nothing, before Serve starts another replica
FRONT = "Front"  # the deployment that places sessions


class StageReplica:
    """Holds leases, sends cards, and moves its sessions away once Serve is stopping it."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, settings: dict[str, Any], directory: Any, log_level: str = "info"
    ) -> None:
        log_into_serve(log_level)
        self._context = serve.get_replica_context()
        self._id = self._context.replica_id.unique_id
        self._clock, self._loop = MonotonicClock(), asyncio.get_running_loop()
        self._directory = RayDirectory(directory, self._clock)
        self._settings = of_this_node(Settings(**settings))
        self._server = StageServer(self._settings, self._id, node_ip(), Seals(self._settings.token_secret))
        await self._server.start()
        node = f"{socket.gethostname()} ({node_ip()})"
        self._known = {"version": __version__, "node": node, "pid": os.getpid(), "inner": self._server.inner}
        self._seen_at, self._seen_ns = 0.0, self._clock.now_ns()
        self._draining: asyncio.Task[None] | None = None
        self._telling = asyncio.create_task(self._tell(), name="cards")

    async def hold(self, wish: Item) -> AsyncIterator[Item]:
        """Hold a lease: see :meth:`StageServer.hold`.

        A call that was refused as the machine has no time, or lacks the engine, stays open for a while: so Serve asks
        other stages before this one; and sees that there are too few, where it is time that they lack.
        """
        code = ""
        async for item in self._server.hold(wish):
            code = item["refused"]["code"] if "refused" in item else code
            yield item
        await stand_aside(code, self._server.card, self._clock)

    def check_health(self) -> None:
        """Tell Serve that the stage's thread lives.

        Raises:
            RuntimeError: when it has not said anything for ``STUCK_NS``.
        """
        at, now_ns = float(self._server.card()["at"]), self._clock.now_ns()
        if at != self._seen_at:
            self._seen_at, self._seen_ns = at, now_ns
        elif now_ns - self._seen_ns > STUCK_NS:
            raise RuntimeError("The stage's thread does not answer.")

    async def __del__(self) -> None:
        """End: every session that is left has moved, or was told."""
        if not hasattr(self, "_telling"):
            return  # it has never begun
        self._drain(await asyncio.to_thread(read_stopping))
        assert self._draining is not None
        await asyncio.gather(self._draining, return_exceptions=True)
        self._telling.cancel()
        await asyncio.gather(self._telling, return_exceptions=True)
        await self._directory.leave(self._id, died=False)
        await self._server.aclose()
        logger.info("stage %s: ended", self._id)

    async def _tell(self) -> None:
        """Send a card each second, and at once when a session has come or gone; act on what the answer says."""
        told: Any = None
        told_ns = 0
        while True:
            card = self._server.card()
            news = [session["bare"] for session in card["sessions"]], card["draining"]
            now_ns = self._clock.now_ns()
            if news != told or now_ns - told_ns >= CARD_NS:
                told, told_ns = news, now_ns
                answer = await self._directory.note({**card, **self._known})
                if answer is None and self._draining is None:  # nobody looks for us
                    stopping = await asyncio.to_thread(read_stopping)
                    answer = {"drain": stopping is not None and stopping.holds(self._id)}
                if answer is not None and "minutes" in answer:
                    self._server.learn_minutes(answer["minutes"])
                if answer is not None and answer["drain"]:
                    self._drain(None)
            await asyncio.sleep(LOOK_S)

    def _drain(self, stopping: Stopping | None) -> None:
        """Begin to send everybody away; again is fine."""
        if self._draining is None:
            self._draining = asyncio.create_task(self._empty(stopping), name="drain")

    async def _empty(self, stopping: Stopping | None) -> None:
        stopping = stopping or await asyncio.to_thread(read_stopping) or Stopping()
        if stopping.all_end:
            logger.info("stage %s: the whole application ends", self._id)
            await self._server.drain(self._settings.drain_s)
        else:
            logger.info("stage %s: is no longer needed, its sessions move", self._id)
            await self._server.drain(self._settings.move_s, self._place_elsewhere)

    async def _place_elsewhere(self, wish: Item) -> Item | None:
        """Have a front place a session; on whichever loop it is called."""
        placing = asyncio.run_coroutine_threadsafe(self._ask_front(wish), self._loop)
        return await asyncio.wrap_future(placing)

    async def _ask_front(self, wish: Item) -> Item | None:
        front = serve.get_deployment_handle(FRONT, self._context.app_name)
        answer: Item = await front.place.remote(wish)
        if "refused" in answer:
            raise Refusal(answer["refused"]["code"], answer["refused"]["message"])
        made: Item | None = answer.get("made")
        return made


def node_ip() -> str:
    """Return the address under which other machines reach this one, as Ray found it."""
    return str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
