"""Real clusters that grow and shrink, and that lose a front or a machine. ``make test-cluster`` runs these."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.session_ref import bare
from tests.client import Client
from tests.cluster.running import PATIENCE_S, RATE, TONE, Running, cluster_up, processes_titled, speak, until

pytestmark = pytest.mark.cluster

PLACES = 4  # of a stage, of which three are to be taken
CARDS_S = 3.0  # within which every front has heard of a session
HASTY = ("tests.cluster.hasty",)


async def fill(cluster: Running, most: int) -> dict[str, list[dict[str, Any]]]:
    """Make sessions until two stages have some; returns them by their stage."""
    made: dict[str, list[dict[str, Any]]] = {}
    for _ in range(most):
        session = await cluster.make()
        made.setdefault(cluster.owner(session).stage, []).append(session)
        if len(made) == 2:
            break
        await asyncio.sleep(1)
    return made


async def follow(cluster: Running, session: dict[str, Any]) -> dict[str, Any]:
    """Feed a session that is told to move, and go with it; returns what it is called there."""
    fields = {"token": session["feed"]["token"], "sample_rate": RATE, "encoding": "pcm_s16le"}
    async with Client(session["feed"]["url"]) as here:
        await here.say("attach", session=session["id"], **fields)
        await here.expect("started", timeout_s=PATIENCE_S)
        told: dict[str, Any] = {}
        while not told:
            move = await here.expect("move", timeout_s=PATIENCE_S, after=len(here.messages) if told else 0)
            told = next((m for m in here.messages if m["type"] == "move" and m.get("session")), {})
            if not told:
                assert move["in_s"] > 0
                await asyncio.sleep(0.2)
        async with Client(told["url"]) as there:
            await there.say("attach", session=told["session"], **fields)
            await there.expect("started", timeout_s=PATIENCE_S)
            await there.say("utterance", id="after the move")
            await there.socket.send(TONE)
            await there.say("flush")
            await there.expect("speaking", timeout_s=PATIENCE_S, state="finished", utterance="after the move")
    return {**session, "id": told["session"]}


async def test_stages_come_with_sessions_and_go_without_and_who_is_left_moves(tmp_path: Path) -> None:
    settings = {"stages_min": "1", "stages_max": "2", "max_sessions": str(PLACES), "move_s": "120"}
    with cluster_up(tmp_path, command=HASTY, **settings) as cluster:
        first = [await cluster.make() for _ in range(PLACES)]
        assert len({cluster.owner(each).stage for each in first}) == 1

        async def are(count: int) -> bool:
            return len(await cluster.stages()) == count

        await until(lambda: are(2))
        second = await cluster.make()
        assert cluster.owner(second).stage != cluster.owner(first[0]).stage
        kept = [first[0], second]
        follows = [asyncio.create_task(follow(cluster, each)) for each in kept]
        for each in first[1:]:
            await cluster.end(each)
        done, waiting = await asyncio.wait(follows, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        moved = done.pop().result()
        await until(lambda: are(1))
        stage = (await cluster.stages())[0]
        assert stage["sessions"] == 2 and cluster.owner(moved).stage == stage["id"]
        for session in kept:  # under the names that they had
            sent = await cluster.view(session)
            assert sent.headers["location"].startswith(stage["url"]), sent.text
        assert bare(moved["id"]) in {bare(each["id"]) for each in kept}


async def test_a_front_that_dies_ends_no_session_and_another_places_the_next(tmp_path: Path) -> None:
    with cluster_up(tmp_path, command=HASTY, stages_max="1", fronts="2", max_sessions=str(PLACES)) as cluster:
        session = await cluster.make()
        fronts = processes_titled(cluster, "ServeReplica:lipwire:Front")
        assert len(fronts) == 2
        for pid in fronts:  # whichever of them has its lease
            os.kill(pid, signal.SIGKILL)
            assert (await speak(session, name=f"without {pid}"))["played_ms"] >= 1000

        async def answers() -> bool:
            try:
                return (await cluster.view(session)).status_code == 307
            except (OSError, httpx.HTTPError):
                return False

        await until(answers)
        others = [await cluster.make() for _ in range(PLACES - 1)]  # the orphan has its place still
        assert {cluster.owner(each).stage for each in others} == {cluster.owner(session).stage}

        async def all_are_known() -> bool:
            return [stage["sessions"] for stage in await cluster.stages()] == [PLACES]

        await until(all_are_known)


async def test_a_machine_that_is_lost_takes_no_session_along_that_somebody_wants(tmp_path: Path) -> None:
    settings = {"stages_min": "3", "stages_max": "3", "stage_cores": "1", "fronts": "2", "max_sessions": str(PLACES)}
    with cluster_up(tmp_path, command=("tests.cluster.machines",), **settings) as cluster:
        made: dict[str, dict[str, Any]] = {}
        while len(made) < 3:
            session = await cluster.make()
            made[cluster.owner(session).stage] = session

        async def are_known() -> bool:
            return all(stage["sessions"] for stage in await cluster.stages())

        await until(are_known)  # by the directory, which may be on the machine that is lost, and so by both fronts
        await asyncio.sleep(CARDS_S)
        assert cluster.process.stdin is not None
        cluster.process.stdin.write("one away\n")
        cluster.process.stdin.flush()

        async def has_gone() -> bool:
            try:
                return len({stage["id"] for stage in await cluster.stages()} & set(made)) == 2
            except (OSError, KeyError, ValueError, httpx.HTTPError):  # its front may have gone along
                return False

        await until(has_gone)
        living = {stage["id"] for stage in await cluster.stages()}
        lost = next(session for stage, session in made.items() if stage not in living)
        kept = next(session for stage, session in made.items() if stage in living)
        assert (await speak(kept))["played_ms"] >= 1000
        back = await cluster.ask(f"/api/sessions/{lost['id']}/revival", {}, lost["feed"]["token"])
        assert bare(back["id"]) == bare(lost["id"]) and cluster.owner(back).stage in living
        assert (await speak(back))["played_ms"] >= 1000
