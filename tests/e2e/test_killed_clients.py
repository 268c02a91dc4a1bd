"""Clients that are killed on their way in, at each stage, again and again: nothing of them is left."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from bench.handshakes import STAGES, connect_and_kill, stages_in_turn
from bench.probes import Reading, look
from tests.server import Server

pytestmark = pytest.mark.realtime

CYCLES = 60  # bench soak does thousands
AT_ONCE = 4
SETTLED_S = 60  # most; a connection that is given up takes seconds, on any machine
# what a pool starts with its first work, and what a listing of descriptors has open itself
SPARE = {"threads": 8, "descriptors": 1, "sockets": 0, "tasks": 0, "sessions": 0, "children": 0, "temporary": 0}


async def test_sixty_killed_clients_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    server = Server.start(tmp_path, life="0")
    try:
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=server.url, limits=limits, trust_env=False, timeout=30) as http:
            went = Counter([await connect_and_kill(server.ws_url, stage) for stage in STAGES])
            assert went["killed"] == len(STAGES), went
            before = await _settled(http, server, tmp_path, {})
            went = await _many(server.ws_url)
            assert went["killed"] > CYCLES / 2, went  # the others were refused, and said why
            after = await _settled(http, server, tmp_path, {name: getattr(before, name) for name in SPARE})
        left = {name: (getattr(before, name), getattr(after, name)) for name in SPARE}
        for name, spare in SPARE.items():
            assert getattr(after, name) <= getattr(before, name) + spare, left
    finally:
        server.stop()
    assert "Traceback" not in server.log.read_text()


async def _many(ws_url: str) -> Counter[str]:
    stages = stages_in_turn()
    went: Counter[str] = Counter()

    async def one_after_another() -> None:
        for _ in range(CYCLES // AT_ONCE):
            went[await connect_and_kill(ws_url, next(stages))] += 1

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return went


async def _settled(http: httpx.AsyncClient, server: Server, folder: Path, wanted: dict[str, int]) -> Reading:
    """Read until nothing is there that was not wanted, or the same thrice; at most for ``SETTLED_S``."""
    ends_s = time.monotonic() + SETTLED_S
    counts: list[Reading] = []
    while True:
        counts.append(await look(http, server.pid, folder / "data", folder / "tmp"))
        now = counts[-1]
        if wanted and all((getattr(now, name) or 0) <= most + SPARE[name] for name, most in wanted.items()):
            return now
        still = [tuple(getattr(each, name) for name in SPARE) for each in counts[-6:]]
        if not wanted and len(still) == 6 and len(set(still)) == 1 and now.sessions == 0:
            return now
        if time.monotonic() > ends_s:
            return now
        await asyncio.sleep(0.5)
