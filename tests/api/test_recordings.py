"""``/api/sessions/{id}/recording``: a recording over HTTP, while it is written and afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access.caller import Caller
from app.config import Settings
from app.main import create_app
from app.sessions.service import Service
from tests.recorded import boxes, play

pytestmark = pytest.mark.realtime


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    service = Service(Settings(data_dir=tmp_path_factory.mktemp("data")))
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        yield client


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def made(client: TestClient, record: bool = True, **more: Any) -> str:
    wish = {"engine": "clapper", "record": record, **more}
    deadline = time.monotonic() + 60
    while (answer := client.post("/api/sessions", json=wish)).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.5)  # the machine is busy
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def shown(client: TestClient, id: str) -> Any:
    return client.get(f"/api/sessions/{id}").json()["recording"]


def recorded(client: TestClient) -> str:
    """Make a recording of more than a second, whose session has ended."""
    id = made(client)
    until(lambda: shown(client, id)["duration_ms"] > 1200)
    assert client.delete(f"/api/sessions/{id}").status_code == 204
    return id


def test_a_recording_is_served_while_it_is_written_and_after_its_session(client: TestClient, tmp_path: Path) -> None:
    id = made(client)
    until(lambda: shown(client, id)["bytes"] > 0)
    assert shown(client, id)["state"] == "recording" and shown(client, id)["error"] is None
    early, path = client.get(f"/api/sessions/{id}/recording", headers={"Range": "bytes=0-9"}), tmp_path / "a.mp4"
    assert early.status_code == 200 and early.headers["content-type"] == "video/mp4"
    assert int(early.headers["content-length"]) == len(early.content) and early.headers["cache-control"] == "no-store"
    path.write_bytes(early.content)
    assert boxes(path)[-1] == "mdat" and play(path).seconds >= 0.4
    until(lambda: shown(client, id)["duration_ms"] > 1500)
    assert client.delete(f"/api/sessions/{id}").status_code == 204
    late = client.get(f"/api/sessions/{id}/recording")
    path.write_bytes(late.content)
    assert late.headers["content-type"] == "video/mp4" and f'inline; filename="{id}.mp4"' in str(late.headers)
    assert "moof" not in boxes(path) and play(path).seconds > 1.4


def test_a_finished_recording_is_served_in_ranges(client: TestClient) -> None:
    path = f"/api/sessions/{recorded(client)}/recording"
    whole = client.get(path).content
    part = client.get(path, headers={"Range": "bytes=100-299"})
    assert part.status_code == 206 and part.content == whole[100:300]
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole)}"
    assert client.get(path, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_a_deleted_recording_is_gone_with_or_without_its_session(client: TestClient) -> None:
    ended, going_on = recorded(client), made(client)
    until(lambda: shown(client, going_on)["bytes"] > 0)
    for id in (ended, going_on):
        assert client.delete(f"/api/sessions/{id}/recording").status_code == 204
        for answer in (client.get(f"/api/sessions/{id}/recording"), client.delete(f"/api/sessions/{id}/recording")):
            assert (answer.status_code, answer.json()["code"]) == (404, "no_recording")
    assert shown(client, going_on) is None
    assert client.delete(f"/api/sessions/{going_on}").status_code == 204


def test_what_was_not_asked_for_is_not_there(client: TestClient) -> None:
    not_begun = {"state": "recording", "bytes": 0, "duration_ms": 0, "error": None}
    for wish, expected in (({"record": False}, None), ({"hold_until_viewer": True}, not_begun)):
        id = made(client, **wish)
        assert shown(client, id) == expected
        assert client.get(f"/api/sessions/{id}/recording").json()["code"] == "no_recording"
        client.delete(f"/api/sessions/{id}")
    for id in ("nobody", "..%2F..%2Favatars"):
        answer = client.get(f"/api/sessions/{id}/recording")
        assert answer.status_code == 404 and answer.json()["code"] in ("no_recording", "not_found")


def test_recordings_are_for_whoever_has_a_key(tmp_path: Path) -> None:
    service = Service(Settings(data_dir=tmp_path, api_keys=("k" * 32,)))
    with TestClient(create_app(service)) as client:
        for ask in (client.get, client.delete):
            answer = ask("/api/sessions/5e55/recording")
            assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")
            answer = ask("/api/sessions/5e55/recording", headers={"Authorization": f"Bearer {'k' * 32}"})
            assert answer.status_code == 404


def test_one_that_is_deleted_between_its_finding_and_its_serving_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(Settings(data_dir=tmp_path))

    async def gone(id: str) -> Path:
        return tmp_path / "gone.mp4"

    async def own(id: str, caller: Caller) -> None:
        pass

    monkeypatch.setattr(service.recordings, "open", gone)
    monkeypatch.setattr(service.recordings, "require_own", own)
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        answer = client.get("/api/sessions/5e55/recording")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_recording")
