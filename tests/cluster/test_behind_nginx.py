"""A real cluster behind one name: Ray, a front, two stages, and Debian's nginx with ``deploy/nginx.conf`` and TLS."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from app.clock import MonotonicClock
from app.session_ref import bare
from bench.whep_guest import WhepGuest
from tests.cluster.running import PATIENCE_S, RATE, TONE, Running, cluster_up, free_port, until
from tests.deploy.one_name import KEY, OneName, need_nginx

pytestmark = [pytest.mark.realtime, pytest.mark.cluster]

BEARER = {"Authorization": f"Bearer {KEY}"}
BUSY = ("server_busy", "server_full", "session_moving", "server_away")


class Visitor:
    """Knows the one name, and a key."""

    def __init__(self, site: OneName) -> None:
        self.site = site
        self.http = httpx.AsyncClient(base_url=site.url, verify=site.trust, trust_env=False, timeout=60)

    async def ask(self, path: str, body: dict[str, Any], headers: dict[str, str], *expected: int) -> Any:
        """Ask as often as the machine is busy, or a session is on its way."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self.http.post(path, json=body, headers=headers)
                if answer.status_code in expected:
                    return answer.json()
                assert answer.status_code in (429, 503) and answer.headers["retry-after"], answer.text
                assert answer.json()["code"] in BUSY, answer.text
                await asyncio.sleep(1)

    async def make(self) -> dict[str, Any]:
        made: dict[str, Any] = await self.ask("/api/sessions", {"mode": "agent", "engine": "clapper"}, BEARER, 201)
        return made

    async def speak(self, made: dict[str, Any], name: str) -> float:
        """Feed a second of sound where the session says; returns what was heard of it, in ms."""
        assert made["feed"]["url"] == f"wss://localhost:{self.site.port}/ws?session={made['id']}"
        async with websockets.connect(made["feed"]["url"], ssl=self.site.trust, proxy=None) as feeder:
            token = made["feed"]["token"]
            attach = {"type": "attach", "session": made["id"], "token": token, "sample_rate": RATE}
            for message in (attach, {"type": "utterance", "id": name}):
                await feeder.send(json.dumps(message))
            await feeder.send(TONE)
            await feeder.send(json.dumps({"type": "flush"}))
            async with asyncio.timeout(PATIENCE_S):
                while (said := json.loads(await feeder.recv())).get("state") != "finished":
                    assert said["type"] != "error", said
        return float(said["played_ms"])

    async def start(self) -> None:
        """Start a session of a socket's, as the page does."""
        start = json.dumps({"type": "start", "key": KEY, "engine": "clapper", "mode": "live", "sample_rate": RATE})
        async with asyncio.timeout(PATIENCE_S):
            while (first := await self._said_to(f"wss://localhost:{self.site.port}/ws", start))["type"] != "elsewhere":
                assert first["code"] in BUSY, first
                await asyncio.sleep(1)
        assert first["url"].startswith(f"wss://localhost:{self.site.port}/ws?place="), "the one name"
        started = await self._said_to(first["url"], start)
        assert started["type"] == "started", started
        again = await self._said_to(first["url"], start)
        assert again["type"] == "elsewhere", "a place is good once"

    async def _said_to(self, url: str, message: str) -> dict[str, Any]:
        async with websockets.connect(url, ssl=self.site.trust, proxy=None) as socket:
            await socket.send(message)
            said: dict[str, Any] = json.loads(await socket.recv())
            return said


async def test_a_cluster_has_one_name(tmp_path: Path) -> None:
    need_nginx()
    port = free_port()
    site = OneName(tmp_path, front_port=port)
    one_name = partial(cluster_up, port=str(port), front_url=site.url, stage_url=site.url, trusted_proxies="127.0.0.1")
    with one_name(tmp_path, "--replicas", "2", api_keys=KEY, max_sessions="4") as cluster:
        site.start_nginx()
        try:
            await use(Visitor(site), cluster)
        finally:
            site.close()


async def use(visitor: Visitor, cluster: Running) -> None:
    made = [await visitor.make() for _ in range(2)]
    while len({cluster.owner(each).stage for each in made}) < 2:
        assert len(made) < 6, "every session is on one stage"
        made.append(await visitor.make())
    one, other = {cluster.owner(each).stage: each for each in made}.values()
    for each in (one, other):
        assert await visitor.speak(each, "word") >= 1000
        assert each["view"]["whep"] == f"{visitor.site.url}/whep/{each['id']}"
        guest = WhepGuest(visitor.http, MonotonicClock())
        await guest.watch(each["view"]["whep"], each["view"]["token"])
        await guest.leave()
        shown = await visitor.http.get(f"/api/sessions/{each['id']}", headers=BEARER)
        assert shown.status_code == 200 and shown.json()["played_ms"] >= 1000, "its stage answers, without a detour"
    await visitor.start()
    await look_for_holes(visitor, cluster, one)

    found = json.loads(await asyncio.to_thread(targets_of, cluster))
    assert {each["labels"]["replica"] for each in found} == {cluster.owner(each).stage for each in (one, other)}

    await kill(visitor, cluster, one)
    assert await visitor.speak(other, "still here") >= 1000
    bearer = {"Authorization": f"Bearer {one['feed']['token']}"}
    back = await visitor.ask(f"/api/sessions/{one['id']}/revival", {"next_utterance": 2}, bearer, 201)
    assert bare(back["id"]) == bare(one["id"]) and back["id"] != one["id"]
    assert await visitor.speak(back, "back again") >= 1000

    async def is_found() -> bool:
        told = await visitor.http.get(f"/api/sessions/{one['id']}", headers=BEARER)
        if told.status_code == 503:
            assert told.json()["code"] in BUSY
            return False
        assert told.status_code == 307, told.text
        return str(told.headers["location"]).startswith(f"{visitor.site.url}/api/sessions/{back['id']}")

    await until(is_found)  # its old name leads to the new one, at the one name, and in no circle


async def look_for_holes(visitor: Visitor, cluster: Running, session: dict[str, Any]) -> None:
    """Forged references lead nowhere; only the proxy's machine is told where a stage is."""
    id = bare(session["id"])
    for forged in (f"{id}.{'A' * 40}", session["id"][:-2], f"{id}.", "x.y"):
        for method, path in (("POST", f"/whep/{forged}"), ("GET", f"/api/sessions/{forged}")):
            refused = await visitor.http.request(method, path, headers=BEARER)
            assert refused.status_code in (400, 401, 404), (path, refused.text)
            assert refused.headers["content-type"] == "application/problem+json"
    asked = f"/internal/owner?ref={session['id']}"
    assert (await visitor.http.get(asked)).status_code == 404
    port = cluster.environment["LIPWIRE_PORT"]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as proxy:
        told = await proxy.get(asked)
        assert (told.status_code, told.headers["x-lipwire-owner"]) == (204, cluster.owner(session).url)
        assert (await proxy.get(asked, headers={"X-Forwarded-For": "203.0.113.5"})).status_code == 404


async def kill(visitor: Visitor, cluster: Running, session: dict[str, Any]) -> None:
    """Kill a session's stage."""
    dead = cluster.owner(session).stage
    stages = (await visitor.http.get("/api/stages", headers=BEARER)).json()["stages"]
    os.kill(next(stage["pid"] for stage in stages if stage["id"] == dead), signal.SIGKILL)


def targets_of(cluster: Running) -> str:
    """Ask as Prometheus' machine does."""
    done = cluster.cli("cluster", "targets", "--url", f"http://127.0.0.1:{cluster.environment['LIPWIRE_PORT']}")
    assert done.returncode == 0, done.stderr
    return done.stdout
