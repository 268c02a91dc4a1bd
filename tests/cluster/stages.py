"""Stages in this process, and who places sessions on them: what Ray does elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cluster.lease import Item
from app.cluster.seals import Seals
from app.cluster.stage_server import StageServer
from app.config import Settings
from app.rtc.picture_encoder import Effort
from app.sessions.admission import Terms
from app.sessions.capacity import Capacity
from app.sessions.lifetime import Lifetime
from app.sessions.session_request import SessionRequest

SECRET = "secret of the tests, of 32 letters"
FRONT = "http://127.0.0.1:8"  # where nobody is
PORTS = 300


def settings_for(folder: Path, **more: Any) -> Settings:
    first = random.randrange(20_000, 32_000)
    given: dict[str, Any] = {
        "data_dir": folder,
        "engine": "clapper",
        "token_secret": SECRET,
        "stage_ports": f"{first}-{first + PORTS}",
        "front_url": FRONT,
        "max_sessions": 4,
    }
    return Settings(**(given | more))


def stage_of(settings: Settings, name: str) -> StageServer:
    return StageServer(settings, name, "127.0.0.1", Seals(settings.token_secret))


@contextlib.asynccontextmanager
async def running(settings: Settings, *names: str) -> AsyncIterator[list[StageServer]]:
    stages = [stage_of(settings, name) for name in names]
    await asyncio.gather(*(stage.start() for stage in stages))
    try:
        yield stages
    finally:
        await asyncio.gather(*(stage.aclose() for stage in stages))


def wish(kind: str = "session", **fields: Any) -> Item:
    lifetime = Lifetime(600, 300) if kind == "session" else None
    asked = {name: fields.pop(name) for name in list(fields) if name in SessionRequest.__dataclass_fields__}
    request = SessionRequest(**{"engine": "clapper", "mode": "agent", "lifetime": lifetime, **asked})
    return {"kind": kind, "request": asdict(request), "site": FRONT, **fields}


def let_all_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have time for whoever finds a place, however busy it is with something else."""

    async def at_once(*args: Any) -> None:
        pass

    monkeypatch.setattr(Capacity, "until_known", at_once)
    monkeypatch.setattr(Capacity, "terms", lambda *args: Terms(True, Effort.USUAL))


class Holder:
    """Holds leases as a front does: each in a task of its own."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._leases: list[AsyncGenerator[Item, None]] = []

    async def __aenter__(self) -> Holder:
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lease in self._leases:
            await lease.aclose()

    async def ask(self, stage: StageServer, asked: Item) -> tuple[Item, asyncio.Task[None]]:
        """Return the first item, and what ends with the lease."""
        lease: AsyncGenerator[Item, None] = stage.hold(asked)
        self._leases.append(lease)
        first = await anext(lease)
        task = asyncio.create_task(self._keep(lease))
        self._tasks.append(task)
        return first, task

    async def make(self, stage: StageServer, **fields: Any) -> Item:
        first, _ = await self.ask(stage, wish(**fields))
        made: Item = first["made"]
        assert made["id"] == first["ref"]
        return made

    @staticmethod
    async def _keep(lease: AsyncGenerator[Item, None]) -> None:
        async for item in lease:
            if "ended" in item:
                return


async def until(true: Any, within_s: float = 30) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.05)


async def end_all(http: httpx.AsyncClient, stage: StageServer) -> None:
    """End whatever is there, and keep no places."""
    loop, parts = stage._running
    loop.call_soon_threadsafe(parts.leases.tickets.close)
    while found := (await http.get(f"{stage.url}/api/sessions")).json()["sessions"]:
        for session in found:
            await http.delete(f"{stage.url}/api/sessions/{session['id']}")


def sessions_of(stage: StageServer) -> list[str]:
    return [each["bare"] for each in stage.card()["sessions"]]
