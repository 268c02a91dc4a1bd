"""Sessions over HTTP: who may make them, what they answer, when they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.api.auth import Gate
from app.api.bodies import MAX_JSON_BYTES
from app.config import Settings, SettingsError, load_settings
from app.errors import Refusal
from app.main import create_app
from app.media import NS_PER_S
from app.sessions.lifetime import Lifetime, live_out
from app.sessions.service import Service
from tests.fakes import SteppedClock

SECRET = "not a secret at all, as it stands here"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, engine="clapper", token_secret=SECRET)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(Service(settings)), raise_server_exceptions=False) as client:
        yield client


def made(client: TestClient, **wish: Any) -> dict[str, Any]:
    answer = client.post("/api/sessions", json=wish)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/sessions/{body['id']}"
    return body


def test_a_session_is_made_seen_interrupted_and_ended(client: TestClient, settings: Settings) -> None:
    session = made(client)
    assert session["feed"]["url"] == "ws://localhost/ws"
    assert session["view"]["whep"] == f"http://localhost/whep/{session['id']}"
    assert session["view"]["watch"] == f"http://localhost/watch/{session['id']}#token={session['view']['token']}"
    Gate(settings).tokens.check(session["feed"]["token"], session["id"], "feed")
    Gate(settings).tokens.check(session["view"]["token"], session["id"], "view")
    path = f"/api/sessions/{session['id']}"
    seen = client.get(path).json()
    assert (seen["state"], seen["mode"], seen["feeder"], seen["viewers"]) == ("listening", "agent", False, 0)
    assert seen["expires_at"] == session["expires_at"] and seen["engine"] == "clapper"
    assert client.get("/api/sessions").json() == {"sessions": [client.get(path).json()]}
    cut = {"utterance": None, "played_ms": 0, "session_played_ms": 0}
    assert client.post(path + "/interrupt").json() == cut
    assert client.delete(path).status_code == 204
    for method in ("GET", "DELETE"):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_session")
    assert client.get("/api/sessions").json() == {"sessions": []}


def test_one_that_holds_waits_for_its_first_viewer(client: TestClient) -> None:
    session = made(client, hold_until_viewer=True, mode="clip")
    assert client.get(f"/api/sessions/{session['id']}").json()["state"] == "waiting"


def test_tokens_for_others(client: TestClient, settings: Settings) -> None:
    id = made(client)["id"]
    answer = client.post(f"/api/sessions/{id}/tokens", json={"role": "view", "ttl_s": 60})
    assert answer.status_code == 201
    Gate(settings).tokens.check(answer.json()["token"], id, "view")
    assert client.post("/api/sessions/none/tokens", json={"role": "view"}).json()["code"] == "no_such_session"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"avatar": "nobody"}, 404, "no_such_avatar"),
        ({"engine": "dance"}, 404, "no_such_engine"),
        ({"engine": "wav2lip"}, 503, "engine_unavailable"),
        ({"mode": "fast"}, 400, "bad_request"),
        ({"max_duration_s": 0}, 400, "bad_request"),
        ({"colour": "red"}, 400, "bad_request"),
        (7, 400, "bad_request"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(client: TestClient, body: Any, status: int, code: str) -> None:
    answer = client.post("/api/sessions", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", ["", "/5e55/tokens", "/5e55/interrupt", "/5e55/outputs"])
def test_a_long_body_is_not_kept_though_it_comes_before_the_key(tmp_path: Path, path: str) -> None:
    settings = Settings(data_dir=tmp_path, engine="clapper", api_keys=("a key",))
    with TestClient(create_app(Service(settings))) as client:
        body, headers = b"{}".ljust(MAX_JSON_BYTES + 1), {"Content-Type": "application/json"}
        answer = client.post("/api/sessions" + path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert client.post("/api/sessions" + path, content=body[:-1], headers=headers).status_code == 401


def test_a_full_server_says_so_and_when_to_come_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, engine="clapper", max_sessions=1)
    with TestClient(create_app(Service(settings))) as client:
        made(client)
        answer = client.post("/api/sessions")
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "server_full", "60")


def test_with_keys_set_nothing_is_done_without_one(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, engine="clapper", api_keys=("one", "two"))
    with TestClient(create_app(Service(settings))) as client:
        for method, path in (
            ("POST", "/api/sessions"), ("GET", "/api/sessions"), ("GET", "/api/sessions/x"),
            ("POST", "/api/avatars"), ("DELETE", "/api/avatars/x"), ("PUT", "/api/avatars/x/mouth"),
            ("DELETE", "/api/avatars/x/mouth"), ("DELETE", "/api/sessions/x"),
            ("POST", "/api/sessions/x/tokens"), ("POST", "/api/sessions/x/interrupt"),
        ):  # fmt: skip
            answer = client.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (401, "key_missing"), path
            assert answer.headers["www-authenticate"] == "Bearer"
        for wrong in ("Bearer three", "Bearer onetwo", "Bearer one,two"):
            answer = client.get("/api/sessions", headers={"Authorization": wrong})
            assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid")
        with client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_json({"type": "start", "key": "three"})
            assert socket.receive_json()["code"] == "key_invalid"
        with client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_json({"type": "start", "key": "two"})
            assert socket.receive_json()["type"] == "started"
            socket.send_json({"type": "stop"})
            with pytest.raises(WebSocketDisconnect):  # the test's client cancels what has not ended by itself
                while True:
                    socket.receive_json()
        for key in ("one", "two"):
            assert client.get("/api/sessions", headers={"Authorization": f"bearer {key}"}).status_code == 200


def test_a_token_opens_one_door_of_one_session_for_its_time(settings: Settings) -> None:
    gate = Gate(settings)
    token = gate.tokens.issue("s1", "view", 60).text
    gate.tokens.check(token, "s1", "view")
    for session, role, code in (("s1", "feed", "token_not_for_this"), ("s2", "view", "token_not_for_this")):
        with pytest.raises(Refusal) as refused:
            gate.tokens.check(token, session, "feed" if role == "feed" else "view")
        assert refused.value.code == code
    for bad, code in (
        ("", "token_missing"), ("x", "token_invalid"), (token[:-2], "token_invalid"),
        (gate.tokens.issue("s1", "view", -1).text, "token_expired"),
        (Gate(Settings(token_secret=SECRET + "!")).tokens.issue("s1", "view", 60).text, "token_invalid"),
        # signed by nobody
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJzMSIsInJvbGUiOiJ2aWV3IiwiZXhwIjo0MTAyNDQ0ODAwfQ.", "token_invalid"),
    ):  # fmt: skip
        with pytest.raises(Refusal) as refused:
            gate.tokens.check(bad, "s1", "view")
        assert refused.value.code == code


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(SettingsError, match="LIPWIRE_TOKEN_SECRET must be at least 32"):
        load_settings({"LIPWIRE_TOKEN_SECRET": "short"})
    assert load_settings({"LIPWIRE_API_KEYS": " a, b,"}).api_keys == ("a", "b")


class Soul:
    """A session, as far as its end is concerned."""

    over = attended = False


@pytest.fixture
async def ending() -> AsyncIterator[tuple[Soul, SteppedClock, asyncio.Task[str]]]:
    soul, clock = Soul(), SteppedClock()
    task = asyncio.create_task(live_out(soul, Lifetime(100, 10), clock))
    yield soul, clock, task
    task.cancel()


async def test_a_session_ends_once_nobody_attends_to_it(ending: tuple[Soul, SteppedClock, asyncio.Task[str]]) -> None:
    soul, clock, task = ending
    await clock.advance(9 * NS_PER_S)
    soul.attended = True
    await clock.advance(20 * NS_PER_S)
    soul.attended = False
    await clock.advance(8 * NS_PER_S)
    assert not task.done()
    await clock.advance(3 * NS_PER_S)
    assert task.done() and "nobody" in await task


async def test_a_session_ends_when_its_time_is_up(ending: tuple[Soul, SteppedClock, asyncio.Task[str]]) -> None:
    soul, clock, task = ending
    soul.attended = True
    await clock.advance(99 * NS_PER_S)
    assert not task.done()
    await clock.advance(2 * NS_PER_S)
    assert "time" in await task


async def test_one_that_fails_ends(ending: tuple[Soul, SteppedClock, asyncio.Task[str]]) -> None:
    soul, clock, task = ending
    soul.over = True
    await clock.advance(NS_PER_S)
    assert await task == "over"


def test_a_mood_is_set_and_seen_and_an_unknown_one_is_refused(client: TestClient) -> None:
    path = f"/api/sessions/{made(client, mood={'name': 'serious', 'strength': 0.5})['id']}"
    assert client.get(path + "/mood").json() == {"name": "serious", "strength": 0.5}
    assert client.put(path + "/mood", json={"name": "warm"}).json() == {"name": "warm", "strength": 1.0}
    assert client.get(path + "/mood").json() == {"name": "warm", "strength": 1.0}
    refused = client.put(path + "/mood", json={"name": "furious"})
    assert (refused.status_code, refused.json()["code"]) == (404, "no_such_mood")
    assert client.put(path + "/mood", json={"name": "warm", "strength": 2}).status_code == 400
    assert client.get(path + "/mood").json()["name"] == "warm", "what was refused changed nothing"
    unmade = client.post("/api/sessions", json={"mood": {"name": "furious"}})
    assert (unmade.status_code, unmade.json()["code"]) == (404, "no_such_mood")
    assert client.put("/api/sessions/none/mood", json={"name": "warm"}).status_code == 404


def test_hints_about_listening_are_taken(client: TestClient) -> None:
    path = f"/api/sessions/{made(client)['id']}/listening"
    for body in ({"state": "begin"}, {"levels": [-20.0] * 50}, {"state": "nod"}, {"state": "end"}):
        assert client.post(path, json=body).status_code == 204
    for wrong in ({"state": "dance"}, {"levels": [-20.0] * 51}, {"levels": ["loud"]}):
        assert client.post(path, json=wrong).status_code == 400


def test_a_mood_wants_the_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, engine="clapper", token_secret=SECRET, api_keys=("a-key-of-somebody",))
    with TestClient(create_app(Service(settings))) as client:
        mine = {"Authorization": "Bearer a-key-of-somebody"}
        answer = client.post("/api/sessions", json={}, headers=mine)
        assert answer.status_code == 201, answer.text
        path = f"/api/sessions/{answer.json()['id']}"
        assert client.put(path + "/mood", json={"name": "warm"}).status_code == 401
        assert client.get(path + "/mood", headers=mine).json()["name"] == "neutral"
        assert client.post(path + "/listening", json={"state": "nod"}).status_code == 401
