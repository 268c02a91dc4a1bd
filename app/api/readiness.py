"""Whether new sessions belong here: what a load balancer asks."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Literal, Protocol

from app.sessions.service import Service

DISK_S = 2  # that the data folder may take to answer

Why = Literal["starting", "draining", "inference_ended", "data_folder", "no_stage"]


class Check(Protocol):
    """Who knows how the service is."""

    async def why_not_ready(self) -> Why | None:
        """Return what is wrong; None where nothing is."""
        ...

    async def sessions(self) -> int:
        """Return how many sessions are open."""
        ...


class Checkup:
    """Looks whether the service can take a session. The disk is asked once at a time, however many ask for it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._asking: asyncio.Task[bool] | None = None

    async def why_not_ready(self) -> Why | None:
        """Return what is wrong; None where nothing is."""
        service = self._service
        if service.draining:
            return "draining"
        if not service.started:
            return "starting"
        if not service.worker.alive:
            return "inference_ended"
        if not await self._can_write():
            return "data_folder"
        return None

    async def sessions(self) -> int:
        """Return how many sessions are open."""
        return len(self._service.sessions)

    async def _can_write(self) -> bool:
        if self._asking is None or self._asking.done():
            folder = self._service.settings.data_dir
            self._asking = asyncio.create_task(asyncio.to_thread(_is_writable, folder), name="data folder")
        try:
            return await asyncio.wait_for(asyncio.shield(self._asking), DISK_S)
        except TimeoutError:
            return False


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
