"""Keys over HTTP and the socket: what one made is for nobody else, while it lasts, within its quotas."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.access.key import id_of, make_text, sum_of
from app.access.keys_file import KeyEntry, change_entries
from app.access.wrong_keys import MOST_WRONG
from app.api.auth import Gate
from app.assets import DEFAULT_PICTURE
from app.avatars.avatar_info import DETAILS
from app.avatars.share import Share
from app.clock import wall_clock
from app.config import Settings, SettingsError
from app.errors import Refusal
from app.main import create_app
from app.sessions.service import Service

OPERATOR, ANN, BOB = make_text(), make_text(), make_text()
SECRET = "not a secret at all, as it stands here"
UPLOAD = "0123456789abcdef"
BUSY_S = 60


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def keep_keys(folder: Path, *texts: str, **quotas: Any) -> None:
    entries = [
        KeyEntry(id=id_of(sum_of(text)), name=text[3:9], sha256=sum_of(text), added=wall_clock(), **quotas)
        for text in texts
    ]
    folder.mkdir(exist_ok=True)
    change_entries(folder / "keys.json", lambda known: entries)


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[TestClient]:
    service = Service(Settings(data_dir=folder, engine="clapper", token_secret=SECRET, **settings))
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keep_keys(tmp_path / "data", ANN, BOB)
    return tmp_path / "data"


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with serving(folder, api_keys=(OPERATOR,)) as client:
        yield client


def asked(client: TestClient, key: str, **wish: Any) -> Any:
    """Ask for a session, as often as the machine is busy."""
    deadline = time.monotonic() + BUSY_S
    while True:
        answer = client.post("/api/sessions", json=wish, headers=bearer(key))
        if answer.status_code != 503 or time.monotonic() > deadline:
            return answer
        time.sleep(0.5)


def made(client: TestClient, key: str, **wish: Any) -> dict[str, Any]:
    answer = asked(client, key, **wish)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def uploaded(client: TestClient, key: str) -> dict[str, Any]:
    picture = {"image": ("face.png", DEFAULT_PICTURE.read_bytes(), "image/png")}
    answer = client.post("/api/avatars", files=picture, headers=bearer(key))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def until(true: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_session_is_for_the_key_that_made_it_and_no_other(client: TestClient) -> None:
    id = made(client, ANN)["id"]
    path = f"/api/sessions/{id}"
    for other in (BOB, OPERATOR):
        assert client.get("/api/sessions", headers=bearer(other)).json() == {"sessions": []}
        for method, of in (
            ("GET", ""), ("DELETE", ""), ("POST", "/interrupt"), ("POST", "/tokens"), ("GET", "/outputs"),
            ("POST", "/outputs"), ("GET", "/outputs/x"), ("DELETE", "/outputs/x"),
        ):  # fmt: skip
            body = {"role": "view"} if of == "/tokens" else {"kind": "rtmp", "url": "rtmp://127.0.0.1:1/a/b"}
            there = client.request(method, path + of, json=body, headers=bearer(other))
            nowhere = client.request(method, f"/api/sessions/none{of}", json=body, headers=bearer(other))
            assert code(there) == (404, "no_such_session"), (method, of)
            assert there.text.replace(id, "none") == nowhere.text, "another's says the same as none"
    assert [one["id"] for one in client.get("/api/sessions", headers=bearer(ANN)).json()["sessions"]] == [id]
    assert client.delete(path, headers=bearer(ANN)).status_code == 204


def test_one_on_a_socket_is_its_keys_too(client: TestClient) -> None:
    with client.websocket_connect("ws://localhost/ws", headers=bearer(BOB)) as socket:  # programs may send it so
        socket.send_json({"type": "start"})
        id = socket.receive_json()["session"]
        assert code(client.get(f"/api/sessions/{id}", headers=bearer(ANN))) == (404, "no_such_session")
        assert client.get(f"/api/sessions/{id}", headers=bearer(BOB)).status_code == 200
        socket.send_json({"type": "stop"})
        with pytest.raises(WebSocketDisconnect):
            while True:
                socket.receive_json()
    with client.websocket_connect("ws://localhost/ws") as socket:
        socket.send_json({"type": "start"})
        assert socket.receive_json()["code"] == "key_missing"


def test_an_avatar_is_for_the_key_that_made_it_and_no_other(client: TestClient) -> None:
    avatar = uploaded(client, ANN)
    id, path = avatar["id"], f"/api/avatars/{avatar['id']}"
    listed = {key: client.get("/api/avatars", headers=bearer(key)).json()["avatars"] for key in (ANN, BOB, OPERATOR)}
    assert {key: [one["id"] for one in avatars] for key, avatars in listed.items()} == {
        ANN: ["default", id], BOB: ["default"], OPERATOR: ["default"],
    }  # fmt: skip
    points = client.get(path + "/mouth", headers=bearer(ANN)).json()
    for other in (BOB, OPERATOR):
        for method, of in (("GET", ""), ("GET", "/image"), ("GET", "/mouth"), ("PUT", "/mouth"), ("DELETE", "/mouth"),
                           ("DELETE", "")):  # fmt: skip
            there = client.request(method, path + of, json=points, headers=bearer(other))
            nowhere = client.request(method, f"/api/avatars/{'0' * 24}{of}", json=points, headers=bearer(other))
            assert code(there) == (404, "no_such_avatar"), (method, of)
            assert there.text.replace(id, "0" * 24) == nowhere.text
        assert code(asked(client, other, avatar=id)) == (404, "no_such_avatar")
        with client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_json({"type": "start", "avatar": id, "key": other})
            assert socket.receive_json()["code"] == "no_such_avatar"
    assert client.get(path + "/image", headers=bearer(ANN)).status_code == 200
    assert made(client, ANN, avatar=id)
    # also once its tables are in memory
    assert code(asked(client, BOB, avatar=id)) == (404, "no_such_avatar")


def test_without_a_key_the_default_avatar_alone_is_seen(client: TestClient) -> None:
    id = uploaded(client, ANN)["id"]
    assert [one["id"] for one in client.get("/api/avatars").json()["avatars"]] == ["default"]
    assert client.get("/api/avatars/default/image").status_code == 200
    assert code(client.get("/api/avatars", headers=bearer("wrong"))) == (401, "key_invalid")
    for nobodys in (id, "0" * 24):
        for of in ("", "/image", "/mouth"):
            assert code(client.get(f"/api/avatars/{nobodys}{of}")) == (401, "key_missing"), "which says nothing of it"
    assert code(client.get(f"/api/avatars/progress?upload={UPLOAD}")) == (401, "key_missing")


def test_two_who_upload_the_same_picture_do_not_learn_of_each_other(client: TestClient) -> None:
    ann, bob = uploaded(client, ANN), uploaded(client, BOB)
    assert ann["id"] != bob["id"] and uploaded(client, ANN)["id"] == ann["id"]
    assert client.delete(f"/api/avatars/{ann['id']}", headers=bearer(ANN)).status_code == 204
    assert client.get(bob["image"], headers=bearer(BOB)).status_code == 200


def test_avatars_from_before_there_were_keys_are_everybodys_and_the_operators_to_change(folder: Path) -> None:
    service = Service(Settings(data_dir=folder, engine="clapper"))
    id = service.avatars.add(DEFAULT_PICTURE, "Old").id
    facts = folder / "avatars" / id / "avatar.json"
    facts.write_text(json.dumps({key: value for key, value in json.loads(facts.read_text()).items() if key != "owner"}))
    with serving(folder, api_keys=(OPERATOR,)) as client:
        for key in (ANN, OPERATOR):
            assert id in [one["id"] for one in client.get("/api/avatars", headers=bearer(key)).json()["avatars"]]
        assert made(client, ANN, avatar=id)
        assert code(client.delete(f"/api/avatars/{id}", headers=bearer(ANN))) == (403, "avatar_fixed")
        assert code(client.delete(f"/api/avatars/{id}/mouth", headers=bearer(ANN))) == (403, "avatar_fixed")
        assert client.delete(f"/api/avatars/{id}", headers=bearer(OPERATOR)).status_code == 204


def test_a_damaged_avatar_is_the_operators_to_delete_and_its_owners_to_mend(client: TestClient, folder: Path) -> None:
    id = uploaded(client, ANN)["id"]
    (folder / "avatars" / id / DETAILS).write_bytes(b"")
    for key in (ANN, BOB):
        assert code(client.delete(f"/api/avatars/{id}", headers=bearer(key))) == (409, "avatar_damaged")
    assert client.get("/api/key", headers=bearer(BOB)).status_code == 200
    assert uploaded(client, ANN)["id"] == id
    (folder / "avatars" / id / DETAILS).write_bytes(b"")
    assert client.delete(f"/api/avatars/{id}", headers=bearer(OPERATOR)).status_code == 204


def test_what_a_key_owns_stays_hidden_where_keys_are_no_longer_wanted(folder: Path, tmp_path: Path) -> None:
    service = Service(Settings(data_dir=tmp_path / "open", engine="clapper"))
    id = service.avatars.add(DEFAULT_PICTURE, "Hers", share=Share(id_of(sum_of(ANN)))).id
    with serving(tmp_path / "open") as client:
        assert len(client.get("/api/avatars").json()["avatars"]) == 1
        assert client.delete(f"/api/avatars/{id}").status_code == 404


@pytest.mark.realtime
def test_a_recording_is_for_the_key_that_made_it_and_no_other(client: TestClient, folder: Path) -> None:
    id = made(client, ANN, record=True)["id"]
    path = f"/api/sessions/{id}/recording"
    until(lambda: client.get(path, headers=bearer(ANN)).status_code == 200)
    for _ in ("while it is written", "and afterwards"):
        for other in (BOB, OPERATOR):
            for method in ("GET", "DELETE"):
                assert code(client.request(method, path, headers=bearer(other))) == (404, "no_recording")
        client.delete(f"/api/sessions/{id}", headers=bearer(ANN))
    assert client.get(path, headers=bearer(ANN)).content[4:8] == b"ftyp"
    tokens = f"/api/sessions/{id}/tokens"
    assert code(client.post(tokens, json={"role": "recording"}, headers=bearer(BOB))) == (404, "no_recording")
    token = client.post(tokens, json={"role": "recording"}, headers=bearer(ANN)).json()["token"]
    assert client.get(path, headers=bearer(token)).content[4:8] == b"ftyp"
    assert code(client.get(path.replace(id, "other"), headers=bearer(token))) == (403, "token_not_for_this")
    assert code(client.delete(path, headers=bearer(token))) == (401, "key_invalid")
    view = Gate(Settings(token_secret=SECRET)).tokens.issue(id, "view", 60).text
    assert code(client.get(path, headers=bearer(view))) == (403, "token_not_for_this")
    keep_keys(folder, BOB)
    until(lambda: client.get(path, headers=bearer(token)).status_code == 401)
    assert code(client.get(path, headers=bearer(token))) == (401, "key_revoked")
    keep_keys(folder, ANN, BOB)
    until(lambda: client.delete(path, headers=bearer(ANN)).status_code == 204)


def test_a_revoked_key_opens_nothing_at_once_and_its_sessions_end(client: TestClient, folder: Path) -> None:
    id = made(client, ANN)["id"]
    other = made(client, BOB)["id"]
    view = client.post(f"/api/sessions/{id}/tokens", json={"role": "view"}, headers=bearer(ANN)).json()["token"]
    with client.websocket_connect("ws://localhost/ws") as socket:
        socket.send_json({"type": "start", "key": ANN})
        assert socket.receive_json()["type"] == "started"
        keep_keys(folder, BOB)
        for method, path in (("GET", "/api/sessions"), ("DELETE", f"/api/sessions/{id}"), ("GET", "/api/key")):
            assert code(client.request(method, path, headers=bearer(ANN))) == (401, "key_invalid")
        while (told := socket.receive_json())["type"] != "error":
            pass
        assert told["code"] == "key_revoked"
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 4401
    until(lambda: client.get("/healthz").json()["sessions"] == 1)
    answer = client.post(f"/whep/{id}", headers={**bearer(view), "Content-Type": "application/sdp"})
    assert code(answer) == (404, "no_such_session"), "its tokens open nothing either"
    assert client.get(f"/api/sessions/{other}", headers=bearer(BOB)).status_code == 200


def test_a_key_that_is_added_counts_at_once_and_closes_the_door(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert client.get("/api/sessions").status_code == 200
        keep_keys(tmp_path, ANN)
        assert code(client.get("/api/sessions")) == (401, "key_missing")
        assert client.get("/api/sessions", headers=bearer(ANN)).status_code == 200
        (tmp_path / "keys.json").unlink()
        assert code(client.get("/api/sessions")) == (401, "key_missing")


def test_a_damaged_keys_file_keeps_the_server_from_starting(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(SettingsError, match=r"keys\.json is damaged"):
        Service(Settings(data_dir=tmp_path, engine="clapper"))


def test_quotas_say_what_to_do(tmp_path: Path) -> None:
    keep_keys(tmp_path, ANN, sessions=1, avatars=1)
    keep_keys_of_bob = {"api_keys": (BOB,), "key_sessions": 2}
    with serving(tmp_path, **keep_keys_of_bob) as client:
        id = made(client, ANN)["id"]
        full = asked(client, ANN)
        assert code(full) == (429, "quota_sessions") and "end one first" in full.json()["detail"]
        assert int(full.headers["retry-after"]) > 0
        with client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_json({"type": "start", "key": ANN})
            assert socket.receive_json()["code"] == "quota_sessions"
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_json()
            assert closed.value.code == 4429
        assert made(client, BOB)
        client.delete(f"/api/sessions/{id}", headers=bearer(ANN))
        assert made(client, ANN)
        avatar = uploaded(client, ANN)
        assert uploaded(client, ANN)["id"] == avatar["id"], "the same one again is no other one"
        other = {"image": ("b.png", DEFAULT_PICTURE.read_bytes() + b"\0", "image/png")}
        answer = client.post("/api/avatars", files=other, headers=bearer(ANN))
        assert code(answer) == (429, "quota_avatars") and "delete one" in answer.json()["detail"]
        seen = client.get("/api/key", headers=bearer(ANN)).json()
        assert seen["id"] == id_of(sum_of(ANN)) and seen["name"] == ANN[3:9]
        assert seen["sessions"] == {"used": 1, "most": 1} and seen["avatars"] == {"used": 1, "most": 1}
        assert seen["megabytes"]["used"] > 0 and seen["megabytes"]["most"] is None
        assert client.get("/api/key", headers=bearer(BOB)).json()["sessions"] == {"used": 1, "most": 2}


def test_bytes_of_avatars_are_counted_and_nothing_of_a_refused_one_stays(tmp_path: Path) -> None:
    keep_keys(tmp_path, ANN, megabytes=0.01)
    with serving(tmp_path) as client:
        picture = {"image": ("face.png", DEFAULT_PICTURE.read_bytes(), "image/png")}
        answer = client.post("/api/avatars", files=picture, headers=bearer(ANN))
        assert code(answer) == (429, "quota_bytes") and "delete some" in answer.json()["detail"]
        assert list((tmp_path / "avatars").iterdir()) == []


@pytest.mark.realtime
def test_a_recording_ends_where_its_keys_bytes_do_and_the_session_goes_on(tmp_path: Path) -> None:
    keep_keys(tmp_path, ANN, megabytes=0.01)
    with serving(tmp_path) as client:
        id = made(client, ANN, record=True)["id"]

        def recording() -> Any:
            return client.get(f"/api/sessions/{id}", headers=bearer(ANN)).json()["recording"]

        until(lambda: recording()["state"] == "failed")
        assert recording()["error"]["code"] == "quota_bytes"
        answer = client.get(f"/api/sessions/{id}/recording", headers=bearer(ANN))
        assert answer.status_code == 200 and answer.content[4:8] == b"ftyp", "what was written can be played"
        assert code(asked(client, ANN, record=True)) == (429, "quota_bytes")
        assert made(client, ANN), "without a recording there is room"


def test_minutes_of_a_day_end_a_session_and_say_so(tmp_path: Path) -> None:
    keep_keys(tmp_path, ANN, minutes=0.02)
    with serving(tmp_path) as client, client.websocket_connect("ws://localhost/ws") as socket:
        socket.send_json({"type": "start", "key": ANN})
        while (told := socket.receive_json())["type"] != "error":
            pass
        assert told["code"] == "quota_minutes" and "00:00 UTC" in told["message"]
        assert code(asked(client, ANN)) == (429, "quota_minutes")
    with serving(tmp_path) as client:  # after a restart
        assert code(asked(client, ANN)) == (429, "quota_minutes")


def test_an_open_server_tells_of_no_key(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert client.get("/api/key").json()["id"] == ""


def test_changes_are_audited_without_a_secret(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    audit = tmp_path / "audit.log"
    with serving(folder, api_keys=(OPERATOR,), audit_file=audit) as client:
        session = made(client, ANN)
        path = f"/api/sessions/{session['id']}"
        token = client.post(f"{path}/tokens", json={"role": "view", "ttl_s": 60}, headers=bearer(ANN)).json()["token"]
        output = {"kind": "rtmp", "url": "rtmp://127.0.0.1:1/live/s3cret"}
        output_id = client.post(f"{path}/outputs", json=output, headers=bearer(ANN)).json()["id"]
        client.delete(f"{path}/outputs/{output_id}", headers=bearer(ANN))
        client.post(f"{path}/interrupt", headers=bearer(ANN))
        client.delete(path, headers=bearer(BOB))
        client.delete(path, headers=bearer(ANN))
        client.delete(f"{path}/recording", headers=bearer(ANN))
        avatar = uploaded(client, ANN)
        client.delete(avatar["image"].replace("image", "mouth"), headers=bearer(ANN))
        client.delete(f"/api/avatars/{avatar['id']}", headers=bearer(ANN))
        for number in range(5):
            client.get("/api/sessions", headers=bearer(f"lw_wrong{number}"))
        with client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_json({"type": "start", "key": ANN, "sample_rate": "x"})
            socket.receive_json()
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    ann, bob = id_of(sum_of(ANN)), id_of(sum_of(BOB))
    told = [
        (line["action"], line["outcome"], line["key"], line.get("session", line.get("avatar", ""))) for line in lines
    ]
    assert [each for each in told if each[1] != "server_busy"] == [
        ("session_made", "ok", ann, session["id"]),
        ("token_issued", "ok", ann, session["id"]),
        ("output_made", "ok", ann, session["id"]),
        ("output_deleted", "ok", ann, session["id"]),
        ("session_interrupted", "ok", ann, session["id"]),
        ("session_deleted", "no_such_session", bob, session["id"]),
        ("session_ended", "ok", ann, session["id"]),
        ("session_deleted", "ok", ann, session["id"]),
        ("recording_deleted", "no_recording", ann, session["id"]),
        ("avatar_added", "ok", ann, avatar["id"]),
        ("avatar_corrected", "ok", ann, avatar["id"]),
        ("avatar_deleted", "ok", ann, avatar["id"]),
        ("key_refused", "key_invalid", "", ""),
    ]
    assert all(line["time"] and line["address"] for line in lines)
    written = audit.read_text() + caplog.text
    for secret in (ANN, BOB, OPERATOR, sum_of(ANN), token, session["feed"]["token"], "s3cret", "lw_wrong"):
        assert secret not in written


def test_who_guesses_is_refused_for_a_while_but_not_a_long_key(tmp_path: Path) -> None:
    with serving(tmp_path, api_keys=("password", OPERATOR)) as client:
        for _ in range(MOST_WRONG):
            assert code(client.get("/api/sessions", headers=bearer("guess"))) == (401, "key_invalid")
        answer = client.get("/api/sessions", headers=bearer("password"))
        assert code(answer) == (429, "too_many_wrong_keys") and int(answer.headers["retry-after"]) > 0
        assert client.get("/api/sessions", headers=bearer(OPERATOR)).status_code == 200, "nobody is locked out"
        assert code(client.get("/api/sessions", headers=bearer(BOB))) == (429, "too_many_wrong_keys")
        assert code(client.get("/api/sessions")) == (401, "key_missing")
        with client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_json({"type": "start", "key": "guess"})
            assert socket.receive_json()["code"] == "too_many_wrong_keys"


@pytest.mark.parametrize("key", ["x" * 5000, "\xff\xfe", "ключ", "null", "*", " "])
def test_odd_keys_are_wrong_ones(client: TestClient, key: str) -> None:
    answer = client.get("/api/sessions", headers={"Authorization": b"Bearer " + key.encode()})
    assert code(answer) in ((401, "key_invalid"), (401, "key_missing"))


def test_ids_of_sessions_cannot_be_guessed_and_do_not_come_again(client: TestClient) -> None:
    ids = {made(client, ANN)["id"] for _ in range(3)}
    assert len(ids) == 3 and all(len(id) >= 24 for id in ids)


def signed(**claims: Any) -> str:
    return jwt.encode(
        {"sub": "s1", "role": "view", "exp": wall_clock() + timedelta(minutes=1), **claims}, SECRET, "HS256"
    )


def unsigned(header: str, payload: str = '{"sub":"s1","role":"view","exp":4102444800}') -> str:
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (header, payload, ""))


FAR = (wall_clock() + timedelta(days=3650)).timestamp()
BAD_TOKENS = {
    "none": unsigned('{"alg":"none"}'),
    "nOnE": unsigned('{"alg":"nOnE"}'),
    "no algorithm": unsigned("{}"),
    "a list of algorithms": unsigned('{"alg":["HS256"]}'),
    "another HMAC": jwt.encode({"sub": "s1", "role": "view", "exp": 4102444800}, SECRET + "x" * 40, "HS512"),
    "deep": unsigned("[" * 2000),
    "huge": signed(more="x" * 100_000),
    "exp far away": signed(exp=FAR),
    "exp a list": signed(exp=[]),
    "exp a text": signed(exp="9" * 400),
    "exp endless": signed(exp=float("inf")),
    "exp no number": signed(exp=float("nan")),
    "sub a list": signed(sub=["s1"]),
    "no sub": jwt.encode({"role": "view", "exp": FAR}, SECRET, "HS256"),
    "no end": jwt.encode({"sub": "s1", "role": "view"}, SECRET, "HS256"),
    "not yet": signed(nbf=wall_clock() + timedelta(days=1)),
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_tokens_that_are_not_ours_open_nothing(token: str) -> None:
    with pytest.raises(Refusal) as refused:
        Gate(Settings(token_secret=SECRET)).tokens.check(token, "s1", "view")
    assert refused.value.code in ("token_invalid", "token_expired")


@pytest.mark.parametrize("role", [["view"], None, {"view": 1}, "VIEW", "view "])
def test_a_role_that_is_none_opens_nothing(role: Any) -> None:
    with pytest.raises(Refusal) as refused:
        Gate(Settings(token_secret=SECRET)).tokens.check(signed(role=role), "s1", "view")
    assert refused.value.code in ("token_invalid", "token_not_for_this")


def test_an_operators_own_tokens_are_taken() -> None:
    Gate(Settings(token_secret=SECRET)).tokens.check(signed(), "s1", "view")
