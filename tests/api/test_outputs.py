"""Outputs over HTTP, through the application without a network; their servers are not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api.output_models import OutputList, OutputView
from app.config import Settings
from app.main import create_app
from app.sessions.outputs import MOST_OUTPUTS
from app.sessions.service import Service

NOBODY = "rtmp://127.0.0.1:1/live/secret"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    service = Service(Settings(data_dir=tmp_path, engine="clapper"))
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def outputs(client: TestClient) -> str:
    made = client.post("/api/sessions", json={"engine": "clapper"})
    return f"/api/sessions/{made.json()['id']}/outputs"


def add(client: TestClient, outputs: str, **wish: Any) -> OutputView:
    answer = client.post(outputs, json=wish or {"kind": "rtmp", "url": NOBODY})
    assert answer.status_code == 201, answer.text
    return OutputView.model_validate_json(answer.content)


def test_an_output_is_added_listed_shown_and_deleted(client: TestClient, outputs: str) -> None:
    answer = client.post(outputs, json={"kind": "rtmp", "url": NOBODY})
    added = OutputView.model_validate_json(answer.content)
    assert answer.headers["location"] == f"{outputs}/{added.id}"
    assert (added.kind, added.url, added.state) == ("rtmp", "rtmp://127.0.0.1:1/live/***", "connecting")
    other = add(client, outputs, kind="whip", url="http://127.0.0.1:1/whip", token="secret")
    listed = OutputList.model_validate_json(client.get(outputs).content).outputs
    assert [each.id for each in listed] == [added.id, other.id]
    shown = client.get(f"{outputs}/{added.id}")
    assert OutputView.model_validate_json(shown.content).id == added.id
    assert "secret" not in shown.text + client.get(outputs).text
    assert client.delete(f"{outputs}/{added.id}").status_code == 204
    assert client.get(f"{outputs}/{added.id}").json()["code"] == "no_such_output"
    assert client.delete(f"{outputs}/{added.id}").status_code == 404


def test_what_went_wrong_is_told(client: TestClient, outputs: str) -> None:
    added = add(client, outputs)
    shown = None
    while shown is None or shown.last_error is None:
        shown = OutputView.model_validate_json(client.get(f"{outputs}/{added.id}").content)
    assert shown.state in ("waiting", "connecting") and shown.attempts >= 1
    assert shown.last_error.code == "unreachable"


def test_a_session_has_four_at_most_and_takes_them_along(client: TestClient, outputs: str) -> None:
    for _ in range(MOST_OUTPUTS):
        add(client, outputs)
    refused = client.post(outputs, json={"kind": "rtmp", "url": NOBODY})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_outputs")
    assert client.delete(outputs.removesuffix("/outputs")).status_code == 204
    gone = client.get(outputs)
    assert (gone.status_code, gone.json()["code"]) == (404, "no_such_session")


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"kind": "whip", "url": NOBODY}, 422, "bad_output_url"),
        ({"kind": "rtmp", "url": "rtmp://host/live"}, 422, "bad_output_url"),
        ({"kind": "whip", "url": "https://host/whip", "token": "a b"}, 422, "bad_output_token"),
        ({"kind": "srt", "url": "srt://host"}, 400, "bad_request"),
        ({"kind": "whip"}, 400, "bad_request"),
    ],
)
def test_what_cannot_be_is_refused(
    client: TestClient, outputs: str, wish: dict[str, str], status: int, code: str
) -> None:
    answer = client.post(outputs, json=wish)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get(outputs).json() == {"outputs": []}


def test_keys_are_asked_for_where_they_are_set(tmp_path: Path) -> None:
    service = Service(Settings(data_dir=tmp_path, engine="clapper", api_keys=("k",)))
    with TestClient(create_app(service)) as client:
        for answer in (client.get("/api/sessions/x/outputs"), client.post("/api/sessions/x/outputs", json={})):
            assert answer.status_code == 401
        allowed = client.get("/api/sessions/x/outputs", headers={"Authorization": "Bearer k"})
        assert allowed.json()["code"] == "no_such_session"


@pytest.mark.parametrize("private", [False, True])
def test_addresses_where_outputs_may_not_go_are_refused_at_once(tmp_path: Path, private: bool) -> None:
    service = Service(Settings(data_dir=tmp_path, engine="clapper", private_addresses=private))
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        path = f"/api/sessions/{client.post('/api/sessions', json={'engine': 'clapper'}).json()['id']}/outputs"
        wishes = [("whip", "http://169.254.169.254/"), ("rtmp", "rtmp://[fd00:ec2::254]/live/key")]
        wishes += [] if private else [("whip", "http://127.0.0.1:1/"), ("rtmp", "rtmp://10.0.0.1/live/key")]
        for kind, url in wishes:
            answer = client.post(path, json={"kind": kind, "url": url})
            assert (answer.status_code, answer.json()["code"]) == (422, "output_not_allowed"), url
        assert client.get(path).json()["outputs"] == []
