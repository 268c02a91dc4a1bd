"""Two stages in one process: sessions, tickets, leases and who is sent on, over real connections."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import websockets

from app.access.keys_file import KeyEntry, change_entries
from app.api.auth import Gate
from app.clock import wall_clock
from app.cluster.lease import StageLost
from app.cluster.seals import Seals
from app.cluster.stage_server import StageServer
from app.config import Settings, SettingsError
from app.session_ref import bare, is_bare_id, new_id
from tests.client import Client
from tests.cluster.stages import (
    FRONT,
    SECRET,
    Holder,
    end_all,
    let_all_in,
    running,
    sessions_of,
    settings_for,
    stage_of,
    until,
    wish,
)

pytestmark = pytest.mark.realtime

RATE = 16_000
SECOND = (0.4 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 32767).astype("<i2").tobytes()
KEY = "k" * 40


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_for(tmp_path_factory.mktemp("stages"))


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    let_all_in(monkeypatch)


@pytest.fixture(scope="module")
def pair(settings: Settings) -> Any:
    """Two stages, which live in threads of their own, whatever event loop a test has."""
    stages = [stage_of(settings, name) for name in ("a", "b")]
    for stage in stages:
        asyncio.run(stage.start())
    yield stages
    for stage in stages:
        asyncio.run(stage.aclose())
    assert not [each for each in threading.enumerate() if each.name == "stage"]


@pytest.fixture
async def holder(pair: list[StageServer]) -> AsyncIterator[Holder]:
    """Who holds leases; sessions end with the test."""
    async with Holder() as holding:
        yield holding
        async with httpx.AsyncClient() as http:
            for stage in pair:
                await end_all(http, stage)
        await until(lambda: not any(sessions_of(stage) for stage in pair))


async def speak(made: dict[str, Any], seconds: int = 1, **fields: Any) -> list[tuple[str, int]]:
    """Attach, say something, and return what was told to have been heard."""
    async with Client(made["feed"]["url"]) as client:
        await client.say("attach", session=made["id"], token=made["feed"]["token"], sample_rate=RATE, **fields)
        started = await client.expect("started")
        assert started["session"] == made["id"]
        await client.socket.send(SECOND * seconds)
        await client.say("flush")
        done = await client.expect("speaking", 30, state="finished")
        return [(done["utterance"], done["played_ms"])]


async def test_each_stage_has_a_port_of_its_own_and_says_what_it_is(pair: list[StageServer]) -> None:
    one, other = pair
    assert one.url != other.url and one.url.startswith("http://127.0.0.1:")
    async with httpx.AsyncClient() as http:
        for stage in pair:
            assert (await http.get(f"{stage.url}/healthz")).json()["status"] == "ok"
    card = one.card()
    assert (card["stage"], card["url"], card["places"], card["sessions"]) == ("a", one.url, 4, [])
    assert json.loads(json.dumps(card)) == card and not card["draining"]


async def test_sessions_on_two_stages_are_spoken_on_at_once(pair: list[StageServer], holder: Holder) -> None:
    made = [await holder.make(stage) for stage in pair]
    for stage, each in zip(pair, made, strict=True):
        assert is_bare_id(bare(each["id"])) and Seals(SECRET).open(each["id"]).url == stage.url
        assert each["feed"]["url"] == f"{stage.url.replace('http', 'ws')}/ws?session={each['id']}"
        assert each["view"]["whep"] == f"{stage.url}/whep/{each['id']}"
        assert each["view"]["watch"].startswith(f"{FRONT}/watch/{each['id']}#token=")
    assert await asyncio.gather(*map(speak, made)) == [[("1", 1000)], [("1", 1000)]]
    await until(lambda: sessions_of(pair[0]) == [bare(made[0]["id"])])
    assert pair[0].card()["sessions"][0]["ref"] == made[0]["id"]


async def test_numbers_of_utterances_go_on_from_where_they_are_told_to(pair: list[StageServer], holder: Holder) -> None:
    made = await holder.make(pair[0], next_utterance=17)
    assert await speak(made) == [("17", 1000)]
    assert await speak(made, next_utterance=3) == [("18", 1000)]
    assert await speak(made, next_utterance=40) == [("40", 1000)]


async def test_a_lease_says_that_it_is_alive_and_ends_with_its_session(
    pair: list[StageServer], holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cluster.lease.ALIVE_S", 0.1)
    lease = pair[0].hold(wish())
    made = (await anext(lease))["made"]
    assert await anext(lease) == {"alive": True} == await anext(lease)
    async with httpx.AsyncClient() as http:
        assert (await http.delete(f"{pair[0].url}/api/sessions/{made['id']}")).status_code == 204
    assert [item async for item in lease if "alive" not in item] == [{"ended": True}]


async def test_a_session_that_nobody_was_told_of_ends(pair: list[StageServer], holder: Holder) -> None:
    asking = asyncio.ensure_future(anext(pair[0].hold(wish())))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0.5)
    await until(lambda: not sessions_of(pair[0]))
    made = [await holder.make(pair[0]) for _ in range(4)]  # no place is lost
    assert len(made) == 4


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"engine": "none"}, "no_such_engine"),
        ({"avatar": "none"}, "no_such_avatar"),
        ({"mode": "none"}, "bad_request"),
        ({"kind": "none"}, "bad_request"),
        ({"lifetime": None}, "bad_request"),
        ({"bare_id": "../../etc"}, "bad_request"),
        ({"kind": "place", "avatar": "none"}, "no_such_avatar"),
        ({"kind": "place", "engine": "none"}, "no_such_engine"),
    ],
)
async def test_what_cannot_be_is_refused_and_its_lease_ends(
    pair: list[StageServer], holder: Holder, asked: dict[str, Any], code: str
) -> None:
    first, lease = await holder.ask(pair[0], wish(**asked))
    assert first["refused"]["code"] == code and first["refused"]["message"].endswith(".")
    await asyncio.wait_for(lease, 5)


async def test_a_full_stage_refuses_and_kept_places_count(pair: list[StageServer], holder: Holder) -> None:
    for _ in range(3):
        await holder.make(pair[0])
    place, _ = await holder.ask(pair[0], wish("place"))
    assert "place" in place
    for kind in ("session", "place"):
        first, lease = await holder.ask(pair[0], wish(kind))
        assert first["refused"]["code"] == "server_full"
        await asyncio.wait_for(lease, 5)  # no session here has lost its lease


async def test_a_flood_of_calls_and_tickets_takes_no_more_than_there_is(
    pair: list[StageServer], holder: Holder
) -> None:
    calls = [holder.ask(pair[0], wish("session" if number % 2 else "place")) for number in range(60)]
    answers = [first for first, _ in await asyncio.gather(*calls)]
    assert sum("refused" not in first for first in answers) == 4
    assert {first["refused"]["code"] for first in answers if "refused" in first} == {"server_full"}
    leases = pair[0]._running[1].leases
    assert leases.taken == 4 and len(leases._held) + len(leases.tickets) == 4 and not leases._stand_ins


async def test_a_refused_call_stands_in_for_a_lost_lease_until_that_session_ends(
    pair: list[StageServer], holder: Holder
) -> None:
    orphans = []
    async with Holder() as dying:
        orphans = [await dying.make(pair[0]) for _ in range(2)]
    for _ in range(2):
        await holder.make(pair[0])
    assert await speak(orphans[0]) == [("1", 1000)]  # it lives on
    calls = [await holder.ask(pair[0], wish()) for _ in range(3)]
    assert [first["refused"]["code"] for first, _ in calls] == ["server_full"] * 3
    leases = [lease for _, lease in calls]
    await asyncio.wait_for(leases[2], 5)  # there are no more than two to stand in for
    assert not leases[0].done() and not leases[1].done()
    async with httpx.AsyncClient() as http:
        await http.delete(f"{pair[0].url}/api/sessions/{orphans[0]['id']}")
        done, waiting = await asyncio.wait(leases[:2], timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1 == len(waiting)
        await http.delete(f"{pair[0].url}/api/sessions/{orphans[1]['id']}")
        await asyncio.wait_for(asyncio.gather(*waiting), 10)


async def started_with(url: str, **fields: Any) -> tuple[dict[str, Any], int | None]:
    """Return what a ``start`` is answered, and the close code where the socket was closed."""
    async with Client(url) as client:
        await client.say("start", engine="clapper", **fields)
        await until(lambda: client.messages)
        first = client.messages[0]
        return first, None if first["type"] == "started" else await client.wait_closed()


async def test_a_ticket_starts_one_session_on_a_socket(pair: list[StageServer], holder: Holder) -> None:
    place, lease = await holder.ask(pair[0], wish("place"))
    url = place["place"]["url"]
    async with Client(url) as client:
        started = await client.start(engine="clapper", mode="clip", next_utterance=5)
        assert Seals(SECRET).open(started["session"]).url == pair[0].url
        await client.socket.send(SECOND)
        again, code = await started_with(url)
        assert (again, code) == ({"type": "elsewhere", "url": FRONT.replace("http", "ws") + "/ws"}, 4307)
        assert not lease.done()
        await until(lambda: [each["place"] for each in pair[0].card()["sessions"]] == [place["place"]["id"]])
        assert pair[0].card()["kept"] == []
    await asyncio.wait_for(lease, 10)


async def test_a_kept_place_stays_kept_while_its_session_is_opened_in_a_flood(
    pair: list[StageServer], holder: Holder
) -> None:
    places = [(await holder.ask(pair[0], wish("place")))[0]["place"]["url"] for _ in range(4)]
    calls = [holder.ask(pair[0], wish()) for _ in range(40)]
    starts = [started_with(url) for url in places]
    answers = await asyncio.gather(*calls[:20], *starts, *calls[20:])
    assert [first["type"] for first, code in answers[20:24]] == ["started"] * 4


async def test_who_has_no_ticket_is_sent_to_the_front(pair: list[StageServer]) -> None:
    for query in ("", "?place=", "?place=none"):
        assert await started_with(pair[0].url.replace("http", "ws") + "/ws" + query) == (
            {"type": "elsewhere", "url": FRONT.replace("http", "ws") + "/ws"},
            4307,
        )


async def test_a_ticket_that_is_not_used_expires_and_its_lease_ends(
    pair: list[StageServer], holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cluster.tickets.TICKET_S", 0.3)
    place, lease = await holder.ask(pair[0], wish("place"))
    await asyncio.wait_for(lease, 10)
    assert (await started_with(place["place"]["url"]))[1] == 4307


async def test_a_ticket_whose_start_is_refused_frees_its_place(pair: list[StageServer], holder: Holder) -> None:
    place, lease = await holder.ask(pair[0], wish("place"))
    answer, code = await started_with(place["place"]["url"], avatar="none")
    assert (answer["code"], code) == ("no_such_avatar", 4404)
    await asyncio.wait_for(lease, 10)
    assert (await started_with(place["place"]["url"]))[1] == 4307


async def test_a_ticket_stands_for_the_origin_that_the_front_has_seen(pair: list[StageServer], holder: Holder) -> None:
    place, _ = await holder.ask(pair[0], wish("place"))
    ws = pair[0].url.replace("http", "ws") + "/ws"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(ws, origin=websockets.Origin("https://evil.example"))
    assert refused.value.response.status_code == 403
    async with websockets.connect(place["place"]["url"], origin=websockets.Origin("https://page.example")) as socket_:
        await socket_.send(json.dumps({"type": "start", "engine": "clapper"}))
        assert json.loads(await socket_.recv())["type"] == "started"
    async with websockets.connect(ws, origin=websockets.Origin(FRONT.replace("127.0.0.1", "localhost"))):
        pass  # the front's own pages


async def test_a_reference_at_the_wrong_stage_leads_to_the_right_one_with_a_pass(
    pair: list[StageServer], holder: Holder
) -> None:
    one, other = pair
    made = await holder.make(one, record=True)
    ref, path = made["id"], f"/api/sessions/{made['id']}"
    async with httpx.AsyncClient() as http:
        for method, suffix in (("GET", ""), ("POST", "/interrupt"), ("GET", "/outputs")):
            sent = await http.request(method, f"{other.url}{path}{suffix}?a=%20b")
            assert (sent.status_code, sent.headers["location"]) == (307, f"{one.url}{path}{suffix}?a=%20b")
        sent = await http.post(f"{other.url}/whep/{ref}", headers={"Authorization": f"Bearer {made['view']['token']}"})
        assert sent.headers["location"].startswith(f"{one.url}/whep/{ref}?pass=")
        assert sent.headers["access-control-allow-origin"] == "*"
    async with httpx.AsyncClient(follow_redirects=True) as http:
        assert (await http.get(other.url + path)).json()["id"] == ref
        offer = {"Content-Type": "application/sdp", "Authorization": f"Bearer {made['view']['token']}"}
        answer = await http.post(f"{other.url}/whep/{ref}", content="v=0", headers=offer)
        assert "authorization" not in answer.request.headers and answer.url.host == "127.0.0.1"
        assert answer.json()["code"] == "bad_sdp"  # it was let in
        del offer["Authorization"]
        assert (await http.post(f"{other.url}/whep/{ref}", content="v=0", headers=offer)).json()[
            "code"
        ] == "token_missing"
        wrong = {**offer, "Authorization": f"Bearer {made['feed']['token']}"}
        assert (await http.post(f"{other.url}/whep/{ref}", content="v=0", headers=wrong)).json()[
            "code"
        ] == "token_not_for_this"
        recording = await http.post(f"{other.url}{path}/tokens", json={"role": "recording"})
        token = {"Authorization": f"Bearer {recording.json()['token']}"}
        async with asyncio.timeout(60):
            while (shown := await http.get(f"{other.url}{path}/recording", headers=token)).status_code != 200:
                assert shown.json()["code"] == "no_recording"  # nothing of it can be played yet
                assert shown.headers["cross-origin-resource-policy"] == "same-origin"
                await asyncio.sleep(0.2)
        assert shown.headers["content-type"] == "video/mp4"
        assert shown.headers["cross-origin-resource-policy"] == "cross-origin"  # a page of where it came from shows it
        own = await http.get(f"{one.url}{path}/recording", headers=token)
        assert own.headers["cross-origin-resource-policy"] == "same-origin"
        assert (await http.delete(other.url + path)).status_code == 204
        for stage in pair:  # the owner says so
            assert (await http.get(stage.url + path)).json()["code"] == "no_such_session"
        for bad in (new_id(), f"{new_id()}.", f"{new_id()}.AAAA", f"{new_id()}.{'x' * 500}"):
            assert (await http.get(f"{other.url}/api/sessions/{bad}")).json()["code"] == "no_such_session"


async def test_who_attaches_at_the_wrong_stage_is_told_where_else(pair: list[StageServer], holder: Holder) -> None:
    made = await holder.make(pair[0])
    async with Client(pair[1].url.replace("http", "ws") + "/ws") as client:
        await client.say("attach", session=made["id"], token=made["feed"]["token"])
        assert (await client.expect("elsewhere"))["url"] == made["feed"]["url"]
        assert await client.wait_closed() == 4307


async def test_a_session_is_made_at_the_front(pair: list[StageServer]) -> None:
    async with httpx.AsyncClient() as http:
        sent = await http.post(f"{pair[0].url}/api/sessions", json={})
    assert (sent.status_code, sent.headers["location"]) == (307, f"{FRONT}/api/sessions")


async def test_a_session_that_two_bring_back_at_once_is_one(pair: list[StageServer], holder: Holder) -> None:
    id = new_id()
    answers = await asyncio.gather(*(holder.ask(pair[0], wish(bare_id=id, next_utterance=8)) for _ in range(3)))
    refs = {first["ref"] for first, _ in answers}
    assert len(refs) == 1 and bare(refs.pop()) == id
    assert sorted(first.get("again", False) for first, _ in answers) == [False, True, True]
    await until(lambda: sum(lease.done() for _, lease in answers) == 2)  # one is enough
    assert await speak(answers[0][0]["made"]) == [("8", 1000)]
    assert await speak(answers[2][0]["made"]) == [("9", 1000)]


async def test_a_session_that_lost_its_lease_gets_the_one_of_who_brings_it_back(
    pair: list[StageServer], holder: Holder
) -> None:
    async with Holder() as dying:
        made = await dying.make(pair[0])
    again, lease = await holder.ask(pair[0], wish(bare_id=bare(made["id"])))
    assert again["again"] and again["ref"] == made["id"]
    await asyncio.sleep(0.3)
    assert not lease.done()


async def test_a_feed_token_holds_what_it_takes_to_have_the_session_again(
    pair: list[StageServer], holder: Holder, settings: Settings
) -> None:
    made = await holder.make(pair[0], mode="clip", record=True)
    said = Gate(settings).tokens.wish_in(made["feed"]["token"], made["id"])
    assert said is not None
    assert {name: said[name] for name in ("avatar", "engine", "mode", "record", "owner", "idle_s")} == {
        "avatar": "default", "engine": "clapper", "mode": "clip", "record": True, "owner": "", "idle_s": 300.0,
    }  # fmt: skip
    async with httpx.AsyncClient() as http:
        asked = await http.post(f"{pair[0].url}/api/sessions/{made['id']}/tokens", json={"role": "feed"})
    assert Gate(settings).tokens.wish_in(asked.json()["token"], made["id"]) == said
    assert Gate(settings).tokens.wish_in(Gate(settings).tokens.issue(made["id"], "feed", 60).text, made["id"]) is None


async def test_keys_are_wanted_as_at_the_front_and_a_pass_stands_for_one(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, api_keys=(KEY,))
    async with running(settings, "a", "b") as (one, other), Holder() as holder:
        gate = Gate(settings)
        owner = gate._keys.find(KEY)
        assert owner is not None
        made = await holder.make(one, owner=owner.id)
        path = f"/api/sessions/{made['id']}"
        async with httpx.AsyncClient(follow_redirects=True) as http:
            assert (await http.get(other.url + path)).json()["code"] == "key_missing"
            bearer = {"Authorization": f"Bearer {KEY}"}
            seen = await http.get(other.url + path, headers=bearer)
            assert seen.json()["id"] == made["id"] and "authorization" not in seen.request.headers
            passed = str(seen.url)
            assert (await http.get(passed)).status_code == 200
            wrong = await http.get(other.url + path, headers={"Authorization": "Bearer " + "x" * 40})
            assert wrong.json()["code"] == "key_invalid"
            second = await holder.make(one, owner=owner.id)
            elsewhere = passed.replace(made["id"], second["id"])
            assert (await http.get(elsewhere)).json()["code"] == "token_not_for_this"
            assert (await http.get(passed.replace(path, "/api/key"))).json()["code"] == "key_missing"
            bad = [passed[:-3], passed + "x", f"{one.url}{path}?pass={made['feed']['token']}"]
            assert {(await http.get(each)).json()["code"] for each in bad} == {"token_invalid"}
        place, _ = await holder.ask(one, wish("place", owner=owner.id))
        async with Client(place["place"]["url"]) as client:
            await client.start(engine="clapper")
        await until(lambda: len(sessions_of(one)) == 2)


async def test_a_key_that_has_used_its_minutes_elsewhere_has_none_here(tmp_path: Path) -> None:
    entry = KeyEntry(id="key_0123456789ab", name="ann", sha256="0" * 64, added=wall_clock(), minutes=10)
    change_entries(tmp_path / "keys.json", lambda known: [entry])
    async with running(settings_for(tmp_path), "a") as (stage,), Holder() as holder:
        place, _ = await holder.ask(stage, wish("place", owner=entry.id))
        await until(lambda: stage.card()["kept"] == [{"id": place["place"]["id"], "owner": entry.id, "address": ""}])
        assert place["place"]["id"] not in place["place"]["url"]
        await holder.make(stage, owner=entry.id)
        stage.learn_minutes({entry.id: 9.0})
        await asyncio.sleep(1.5)
        assert len(sessions_of(stage)) == 1
        stage.learn_minutes({entry.id: 10.0})
        await until(lambda: not sessions_of(stage))
        assert stage.card()["minutes"][entry.id] < 1
        refused, _ = await holder.ask(stage, wish(owner=entry.id))
        assert refused["refused"]["code"] == "quota_minutes"


async def test_where_no_port_is_free_it_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stage = stage_of(settings_for(tmp_path, stage_ports=f"{port}-{port}"), "a")
        with pytest.raises(SettingsError, match="All ports of LIPWIRE_STAGE_PORTS"):
            await stage.start()
        await stage.aclose()


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"token_secret": ""}, "LIPWIRE_TOKEN_SECRET"),
        ({"stage_url": "https://" + "a" * 80 + ":{port}"}, "too long"),
        ({"engine": "none"}, "LIPWIRE_ENGINE"),
        ({"ssl_certfile": "/none", "ssl_keyfile": "/none"}, "certificate"),
    ],
)
async def test_what_keeps_a_stage_from_starting_is_said(tmp_path: Path, wrong: dict[str, Any], match: str) -> None:
    stage = StageServer(settings_for(tmp_path, **wrong), "a", "127.0.0.1", Seals(SECRET))
    with pytest.raises(SettingsError, match=match):
        await stage.start()
    await stage.aclose()


async def test_it_touches_no_signals_and_its_end_is_told(tmp_path: Path) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    stage = stage_of(settings_for(tmp_path), "a")
    await stage.start()
    assert {each: signal.getsignal(each) for each in before} == before
    lease = stage.hold(wish())
    made = (await anext(lease))["made"]
    async with Client(made["feed"]["url"]) as client:
        await client.say("attach", session=made["id"], token=made["feed"]["token"])
        await client.expect("started")
        ending = asyncio.create_task(stage.aclose())
        assert (await client.expect("error"))["code"] == "server_draining"
    assert [item async for item in lease if "alive" not in item] == [{"ended": True}]
    await ending
    await stage.aclose()
    with pytest.raises(StageLost):
        await anext(stage.hold(wish()))
