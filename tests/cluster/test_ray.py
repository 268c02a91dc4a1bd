"""A real cluster on this machine, with Ray and Serve: placed, spoken on, sent on, and one stage killed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from app.session_ref import bare
from tests.cluster.running import Running, cluster_up, speak, until

pytestmark = pytest.mark.realtime


async def test_two_stages_and_the_death_of_one(tmp_path: Path) -> None:
    with cluster_up(tmp_path, "--replicas", "2", max_sessions="4") as cluster:
        one, other = (await two_on_two_stages(cluster))[:2]
        for session in (one, other):
            heard = await speak(session, cluster.ws_url)
            assert heard["played_ms"] >= 1000 and not heard["interrupted"]
            sent = await cluster.view(session)
            url = cluster.owner(session).url
            assert sent.status_code == 307 and sent.headers["location"] == f"{url}/api/sessions/{session['id']}"
        shown = json.loads(cluster.cli("cluster", "status", "--json").stdout)
        assert {stage["id"] for stage in shown["stages"]} == {cluster.owner(each).stage for each in (one, other)}
        assert "2 stages" in cluster.cli("cluster", "status").stdout
        usual = os.getpriority(os.PRIO_PROCESS, cluster.process.pid)
        stages = [stage["pid"] for stage in shown["stages"]]
        assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in stages} == {usual}  # Ray would have them give way

        dead = cluster.owner(one).stage
        pid = next(stage["pid"] for stage in await cluster.stages() if stage["id"] == dead)
        os.kill(pid, signal.SIGKILL)
        assert (await speak(other, name="still here"))["played_ms"] >= 1000
        back = await cluster.ask(f"/api/sessions/{one['id']}/revival", {"next_utterance": 2}, one["feed"]["token"])
        assert bare(back["id"]) == bare(one["id"]) and cluster.owner(back).stage != dead
        assert (await speak(back, name="back again"))["played_ms"] >= 1000

        async def is_found() -> bool:
            return str((await cluster.view(one)).headers.get("location", "")).startswith(cluster.owner(back).url)

        await until(is_found)  # under its old name too
        again = await cluster.ask(
            f"/api/sessions/{one['id']}/revival", {}, one["feed"]["token"], expected=(200,)
        )  # who comes second
        assert again["id"] == back["id"]
        lines = cluster.log.read_text()
        assert f"session={bare(one['id'])}" in lines  # as our own log has it, in Serve's
        assert one["feed"]["token"] not in lines


async def two_on_two_stages(cluster: Running) -> list[dict[str, Any]]:
    """Make sessions until two are on two stages: the emptier one is asked first, as a rule."""
    made = [await cluster.make() for _ in range(2)]
    while len({cluster.owner(each).stage for each in made}) < 2:
        assert len(made) < 6, "every session is on one stage"
        made.append(await cluster.make())
    first = {cluster.owner(each).stage: each for each in made}
    return list(first.values())
