"""A replica of the front: its application, behind Serve's proxy."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from pathlib import Path
from typing import Any

from ray import serve
from starlette.types import ASGIApp

from app.access.key_ring import KeyRing
from app.api.auth import Gate
from app.clock import MonotonicClock
from app.cluster.front import Backstage, front_app
from app.cluster.front_guard import guarded
from app.cluster.lease import Item
from app.cluster.lobby import Lobby
from app.cluster.placing import Placing
from app.cluster.ray_directory import RayDirectory
from app.cluster.ray_placer import RayPlacer
from app.cluster.roll import Roll
from app.cluster.seals import Seals
from app.cluster.serve_log import log_into_serve
from app.cluster.sources import HERE, stage_sources
from app.cluster.whereabouts import Whereabouts
from app.config import Settings
from app.config.origin import is_loopback
from app.errors import Refusal
from app.server import bound_host

logger = logging.getLogger(__name__)

MOST_FRONTS = 1000  # of one machine


@serve.ingress()
class FrontReplica:
    """What is behind the doors: leases, the directory, the way to all stages."""

    def __init__(self, settings: dict[str, Any], stages: Any, directory: Any, log_level: str = "info") -> None:
        log_into_serve(log_level)
        asked = Settings(**settings)
        self._folder, self._lock = take_folder(asked.data_dir / "fronts")
        keys, clock = KeyRing.of(asked), MonotonicClock()
        here = HERE if is_loopback(bound_host(asked, keys.is_wanted)) else ""
        self._sources = stage_sources(asked, here)
        own = asked.model_copy(update={"data_dir": self._folder, "public_url": asked.front_url})
        self._lobby = Lobby(own, clock, keys, old_folder=asked.data_dir)
        self._gate = Gate(own, keys, self._lobby.audit)
        self._whereabouts = Whereabouts(RayDirectory(directory, clock), Seals(own.token_secret), clock)
        self._placing = Placing(RayPlacer(stages), clock, self._note_lost)
        self._roll = Roll(own.ssl_certfile)
        self._telling: set[asyncio.Task[None]] = set()

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """Make the application; Serve starts and ends it."""
        backstage = Backstage(self._placing, self._whereabouts, self._roll)
        app = front_app(self._lobby, self._gate, backstage, self._sources)
        return guarded(app, self._lobby.settings)

    async def place(self, wish: Item) -> Item:
        """Place a session for a stage that is being emptied; its lease is held here."""
        try:
            return await self._placing.place(wish)
        except Refusal as refusal:
            return {"refused": {"code": refusal.code, "message": refusal.message}}

    def _note_lost(self, ref: str, owner: str) -> None:
        self._whereabouts.note_lost(ref, owner)
        task = asyncio.create_task(self._whereabouts.tell_lost(), name="lost stage")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


def take_folder(root: Path) -> tuple[Path, int]:
    """Return a folder of this process's own, and what holds it: fronts of one machine share none.

    Raises:
        OSError: where none can be made.
    """
    for number in range(MOST_FRONTS):
        folder = root / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return folder, lock
    raise OSError(f"All folders below {root} are taken.")
