"""A stage that is emptied: whoever is there is told, moves, and loses nothing; who stays is ended at last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from app.api.auth import Gate
from app.cluster.lease import Item
from app.cluster.seals import Seals
from app.cluster.stage_server import PlaceElsewhere, StageServer
from app.errors import Refusal
from app.session_ref import bare, new_id
from tests.client import Client
from tests.cluster.stages import SECRET, Holder, let_all_in, running, sessions_of, settings_for, until, wish

pytestmark = pytest.mark.realtime

RATE = 16_000
SECOND = (0.4 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 32767).astype("<i2").tobytes()
LONG_S = 60  # longer than any of this takes
ANNS, BOBS = "key of ann, which is long enough", "key of bob, which is long enough"
ROUTES = [
    ("GET", "/api/sessions/{}"),
    ("DELETE", "/api/sessions/{}"),
    ("POST", "/api/sessions/{}/interrupt"),
    ("GET", "/api/sessions/{}/recording"),
    ("POST", "/whep/{}"),
    ("PATCH", "/whep/{}/secret"),
    ("DELETE", "/whep/{}/secret"),
]


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    let_all_in(monkeypatch)
    monkeypatch.setattr("app.cluster.stage_server.AGAIN_S", 0.1)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[list[StageServer]]:
    async with running(settings_for(tmp_path), "a", "b") as stages:
        yield stages


@pytest.fixture
async def holder() -> AsyncIterator[Holder]:
    async with Holder() as holding:
        yield holding


def placer(holder: Holder, stage: StageServer) -> PlaceElsewhere:
    """Place on the one other stage there is, as a front would."""

    async def place(asked: Item) -> Item | None:
        first, _ = await holder.ask(stage, asked)
        made: Item | None = first.get("made")
        return made

    return place


async def attach(client: Client, made: Item, **fields: Any) -> Item:
    await client.say("attach", session=made["id"], token=made["feed"]["token"], sample_rate=RATE, **fields)
    return await client.expect("started")


async def watch(http: httpx.AsyncClient, url: str, token: str) -> tuple[RTCPeerConnection, httpx.Response]:
    """Watch over WHEP; redirects are followed."""
    peer = RTCPeerConnection()
    for kind in ("audio", "video"):
        peer.addTransceiver(kind, direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
    answer = await http.post(url, content=peer.localDescription.sdp, headers=headers, follow_redirects=True)
    assert answer.status_code == 201, answer.text
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    await until(lambda: peer.connectionState == "connected")
    return peer, answer


async def test_a_feeder_and_a_viewer_move_between_two_utterances(pair: list[StageServer], holder: Holder) -> None:
    one, other = pair
    made = await holder.make(one, hold_until_viewer=True)
    async with httpx.AsyncClient() as http, Client(made["feed"]["url"]) as feeder:
        await attach(feeder, made)
        viewer, _ = await watch(http, made["view"]["whep"], made["view"]["token"])
        await feeder.expect("viewers", count=1)
        await feeder.say("mood", name="warm", strength=0.5)
        await feeder.socket.send(SECOND)
        await feeder.say("flush")
        await feeder.expect("speaking", 30, state="started", utterance="1")
        draining = asyncio.create_task(one.drain(LONG_S, placer(holder, other)))
        move = await feeder.expect("move", 30)
        assert 0 < move["in_s"] <= LONG_S and bare(move["session"]) == bare(made["id"])
        asked = await http.get(f"{one.url}/readyz")  # while its sessions are still there
        assert (asked.status_code, asked.json()) == (503, {"ready": False, "why": "draining"})
        assert (await http.get(f"{other.url}/readyz")).json()["ready"]
        assert Seals(SECRET).open(move["session"]).url == other.url
        await feeder.expect("speaking", 30, state="finished", utterance="1", interrupted=False)
        await feeder.socket.send(SECOND)  # it takes its time, and is heard
        await feeder.say("flush")
        await feeder.expect("speaking", 30, state="finished", utterance="2", interrupted=False)
        assert viewer.connectionState == "connected"
        async with Client(move["url"]) as moved:
            started = await attach(moved, {**made, "id": move["session"]}, next_utterance=3)
            assert (started["session"], started["engine"], started["mode"]) == (move["session"], "clapper", "agent")
            mood = await http.get(f"{other.url}/api/sessions/{move['session']}/mood")
            assert mood.json() == {"name": "warm", "strength": 0.5}
            await feeder.say("stop")
            await feeder.wait_closed()
            await asyncio.wait_for(draining, 30)
            await until(lambda: viewer.connectionState in ("closed", "failed"))
            # who comes to where it was is sent on, with the old reference, its token and no Authorization
            again, answer = await watch(http, made["view"]["whep"], made["view"]["token"])
            assert str(answer.url).startswith(other.url) and "authorization" not in answer.request.headers
            await moved.expect("viewers", count=1)
            await moved.socket.send(SECOND)
            await moved.say("flush")
            await moved.expect("speaking", 30, state="finished", utterance="3", played_ms=1000)
            for peer in (viewer, again):
                await peer.close()
        async with Client(made["feed"]["url"]) as late:
            await late.say("attach", session=made["id"], token=made["feed"]["token"])
            assert (await late.expect("elsewhere"))["url"] == move["url"]
    await until(lambda: not sessions_of(one) and sessions_of(other) == [bare(made["id"])])


async def test_a_session_that_nobody_feeds_moves_at_once_and_keeps_its_time(
    pair: list[StageServer], holder: Holder
) -> None:
    one, other = pair
    made = await holder.make(one, mode="clip", record=True, next_utterance=4)
    async with httpx.AsyncClient(follow_redirects=True) as http:
        before = (await http.get(f"{one.url}/api/sessions/{made['id']}")).json()
        await asyncio.wait_for(one.drain(LONG_S, placer(holder, other)), 30)
        seen = await http.get(f"{one.url}/api/sessions/{made['id']}")
    after = seen.json()
    assert str(seen.url).startswith(other.url) and bare(after["id"]) == bare(made["id"]) and after["id"] != made["id"]
    assert {name: after[name] for name in ("mode", "engine", "avatar")} == {
        name: before[name] for name in ("mode", "engine", "avatar")
    }
    assert after["recording"] is not None and after["expires_at"][:15] == before["expires_at"][:15]
    async with Client(after_url := other.url.replace("http", "ws") + "/ws") as client:
        assert after_url != made["feed"]["url"]
        await attach(client, made)  # the old reference, at the new place
        await client.socket.send(SECOND)
        await client.say("flush")
        await client.expect("speaking", 30, state="finished", utterance="4")


@pytest.mark.parametrize("fed", [True, False])
async def test_outputs_go_on_where_the_feeder_goes(pair: list[StageServer], holder: Holder, fed: bool) -> None:
    one, other = pair
    made = await holder.make(one)
    pushed = {"kind": "whip", "url": "http://127.0.0.1:9/whip", "token": "secret"}  # where nobody is

    async def outputs(http: httpx.AsyncClient, ref: str, stage: StageServer) -> list[str]:
        answer = await http.get(f"{stage.url}/api/sessions/{ref}/outputs")
        return [each["url"] for each in answer.json()["outputs"]]

    async with httpx.AsyncClient() as http, Client(made["feed"]["url"]) as feeder:
        assert (await http.post(f"{one.url}/api/sessions/{made['id']}/outputs", json=pushed)).status_code == 201
        if fed:
            await attach(feeder, made)
        draining = asyncio.create_task(one.drain(LONG_S, placer(holder, other)))
        if fed:
            move = await feeder.expect("move", 30)
            assert await outputs(http, move["session"], other) == []
            async with Client(move["url"]) as moved:
                await attach(moved, {**made, "id": move["session"]})
                await feeder.say("stop")
                await asyncio.wait_for(draining, 30)
        await asyncio.wait_for(draining, 30)
        async with asyncio.timeout(20):
            while await outputs(http, made["id"], other) != [pushed["url"]]:
                await asyncio.sleep(0.1)


async def test_it_is_tried_again_until_another_stage_has_a_place(pair: list[StageServer], holder: Holder) -> None:
    one, other = pair
    await holder.make(one)
    answers: list[Any] = [None, Refusal("server_full", "None."), OSError("the front is away")]
    place = placer(holder, other)

    async def sometimes(asked: Item) -> Item | None:
        answer = answers.pop(0) if answers else await place(asked)
        if isinstance(answer, Exception):
            raise answer
        made: Item | None = answer
        return made

    await asyncio.wait_for(one.drain(LONG_S, sometimes), 30)
    assert not answers
    await until(lambda: len(sessions_of(other)) == 1)


async def test_who_started_a_session_is_told_and_ended_when_the_time_is_up(
    pair: list[StageServer], holder: Holder
) -> None:
    one, _ = pair
    first, lease = await holder.ask(one, wish("place"))
    later, _ = await holder.ask(one, wish("place"))
    async with Client(first["place"]["url"]) as client, Client(later["place"]["url"]) as late:
        await client.start(engine="clapper")
        await client.socket.send(SECOND)
        draining = asyncio.create_task(one.drain(3, placer(holder, one)))
        move = await client.expect("move")
        assert (move["session"], move["url"]) == (None, None) and move["in_s"] <= 3
        for kind in ("session", "place"):
            refused, ended = await holder.ask(one, wish(kind))
            assert refused["refused"]["code"] == "server_draining"
            await asyncio.wait_for(ended, 5)
        await late.start(engine="clapper")  # a place was promised
        await late.expect("move")
        await until(lambda: one.card()["draining"])
        assert (await client.expect("error"))["code"] == "server_draining"
        assert await client.wait_closed() == 4429
        await asyncio.wait_for(draining, 30)
    await asyncio.wait_for(lease, 10)


async def test_a_feeder_who_stays_is_ended_when_the_time_is_up_and_finds_the_twin(
    pair: list[StageServer], holder: Holder
) -> None:
    one, other = pair
    made = await holder.make(one)
    async with Client(made["feed"]["url"]) as client:
        await attach(client, made)
        draining = asyncio.create_task(one.drain(2, placer(holder, other)))
        move = await client.expect("move")
        assert (await client.expect("error", 20))["code"] == "server_draining"
        await asyncio.wait_for(draining, 30)
    async with Client(made["feed"]["url"]) as again:
        await again.say("attach", session=made["id"], token=made["feed"]["token"])
        assert (await again.expect("elsewhere"))["url"] == move["url"]


async def test_who_has_no_right_is_not_told_where_a_session_has_moved(tmp_path: Path, holder: Holder) -> None:
    settings = settings_for(tmp_path, api_keys=(ANNS, BOBS))
    async with running(settings, "a", "b") as (one, other), httpx.AsyncClient() as http:
        ann = Gate(settings)._keys.find(ANNS)
        assert ann is not None
        moved = await holder.make(one, owner=ann.id)
        await asyncio.wait_for(one.drain(LONG_S, placer(holder, other)), 60)
        await until(lambda: sessions_of(other) == [bare(moved["id"])])
        never = moved["id"].replace(bare(moved["id"]), new_id())

        async def told(method: str, path: str, name: str, text: str) -> tuple[int, str, str]:
            headers = {"Authorization": f"Bearer {text}"} if text else {}
            answer = await http.request(method, f"{one.url}{path.format(name)}", headers=headers)
            location = answer.headers.get("location", "")
            return answer.status_code, location.replace(bare(name), "NAME"), answer.text.replace(bare(name), "NAME")

        async def attached(name: str, token: str) -> str:
            async with Client(f"{one.url.replace('http', 'ws')}/ws") as client:
                await client.say("attach", session=name, token=token)
                assert await client.wait_closed()
                return str(client.messages[-1]).replace(bare(name), "NAME")

        for text in ("", BOBS, "x" * 40, "lw_nonsense", moved["view"]["token"][:-2]):
            for method, path in ROUTES:
                assert await told(method, path, moved["id"], text) == await told(method, path, never, text), (
                    path,
                    text,
                )
        for text in ("", "nonsense", moved["view"]["token"]):
            assert await attached(moved["id"], text) == await attached(never, text)
        assert (await told("GET", ROUTES[0][1], moved["id"], ANNS))[0] == 307
        assert (await told("POST", "/whep/{}", moved["id"], moved["view"]["token"]))[0] == 307
        assert "elsewhere" in await attached(moved["id"], moved["feed"]["token"])


async def test_one_that_is_deleted_while_it_moves_lives_on_nowhere(pair: list[StageServer], holder: Holder) -> None:
    one, other = pair
    fed, unfed = [await holder.make(one, mode="clip") for _ in range(2)]
    place = placer(holder, other)

    async with httpx.AsyncClient() as http, Client(fed["feed"]["url"]) as feeder:

        async def delete(made: Item) -> None:
            assert (await http.delete(f"{one.url}/api/sessions/{made['id']}")).status_code == 204

        async def slowly(asked: Item) -> Item | None:
            made = await place(asked)
            if asked["bare_id"] == bare(unfed["id"]):
                await delete(unfed)  # its twin is there, and nobody knows yet
            return made

        await attach(feeder, fed)
        draining = asyncio.create_task(one.drain(LONG_S, slowly))
        await feeder.expect("move", 30)
        await until(lambda: bare(fed["id"]) in sessions_of(other))
        await delete(fed)  # who feeds it has not left
        await until(lambda: not sessions_of(other))
        await asyncio.wait_for(draining, 30)


async def test_where_all_stages_end_nobody_is_told_to_move(pair: list[StageServer], holder: Holder) -> None:
    made = await holder.make(pair[0])
    async with Client(made["feed"]["url"]) as client:
        await attach(client, made)
        await asyncio.wait_for(pair[0].drain(1), 30)
        assert (await client.expect("draining"))["in_s"] <= 1
        assert (await client.expect("error"))["code"] == "server_draining"
        assert "move" not in {message["type"] for message in client.messages}


async def test_an_empty_stage_is_emptied_at_once_and_again_is_fine(pair: list[StageServer]) -> None:
    await asyncio.wait_for(pair[0].drain(LONG_S), 10)
    await asyncio.wait_for(pair[0].drain(LONG_S), 10)
