"""The cast over HTTP and on the socket: beside the list that there always was, seen by everybody, chosen by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.access.key import make_text
from app.assets import CAST_IDS
from app.avatars import thumbnails as module
from app.avatars.avatar_folder import decode_image
from app.avatars.bundled import BUNDLED_IDS, bundled_picture
from app.avatars.thumbnails import SIDE, Thumbnails
from app.config import Settings
from app.main import create_app
from app.sessions.service import Service

KEY = make_text()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), engine="clapper")
    with TestClient(create_app(Service(settings)), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("locked"), engine="clapper", api_keys=(KEY,))
    with TestClient(create_app(Service(settings)), raise_server_exceptions=False) as client:
        yield client


def test_the_list_is_what_old_clients_know_and_the_cast_is_beside_it(client: TestClient) -> None:
    answer = client.get("/api/avatars").json()
    assert [one["id"] for one in answer["avatars"]] == ["default"]
    assert [one["id"] for one in answer["cast"]] == list(CAST_IDS)
    for one in answer["avatars"] + answer["cast"]:
        assert one["bundled"] and client.get(f"/api/avatars/{one['id']}").json() == one
        assert (one["name"], one["notice"], one["frames"]) == (one["id"].capitalize(), None, 1)
    assert {(one["width"], one["height"]) for one in answer["cast"]} == {(1024, 1024)}


@pytest.mark.parametrize("id", BUNDLED_IDS)
def test_pictures_come_as_what_they_are(client: TestClient, id: str) -> None:
    whole, small = client.get(f"/api/avatars/{id}/image"), client.get(f"/api/avatars/{id}/thumbnail")
    assert whole.content == bundled_picture(id).read_bytes()
    assert whole.headers["content-type"] == ("image/png" if id == "default" else "image/jpeg")
    assert small.headers["content-type"] == "image/jpeg" and len(small.content) < 20_000
    assert small.headers["cache-control"] == whole.headers["cache-control"] == "private, max-age=3600"
    assert decode_image(small.content).shape == (SIDE, SIDE, 3)
    around = cv2.resize(decode_image(whole.content), (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(around - decode_image(small.content)).mean() < 4, "it is the same face"


def test_an_uploaded_face_has_a_thumbnail_too_until_it_is_deleted(client: TestClient) -> None:
    files = {"image": ("Ann.jpg", bundled_picture("amara").read_bytes(), "image/jpeg")}
    added = client.post("/api/avatars", files=files).json()
    assert not added["bundled"]
    assert client.get(added["thumbnail"]).status_code == 200
    assert client.delete(f"/api/avatars/{added['id']}").status_code == 204
    assert client.get(added["thumbnail"]).json()["code"] == "no_such_avatar"


def test_everybody_sees_them_with_a_key_or_without(locked: TestClient) -> None:
    for headers in ({}, {"Authorization": f"Bearer {KEY}"}):
        assert [one["id"] for one in locked.get("/api/avatars", headers=headers).json()["cast"]] == list(CAST_IDS)
        for of in ("", "/image", "/thumbnail"):
            assert locked.get(f"/api/avatars/bolt{of}", headers=headers).status_code == 200
    assert locked.get("/api/key", headers={"Authorization": f"Bearer {KEY}"}).json()["avatars"]["used"] == 0


def test_nobody_deletes_or_corrects_one(client: TestClient, locked: TestClient) -> None:
    for way, headers in ((client, {}), (locked, {"Authorization": f"Bearer {KEY}"})):
        for method, of in (("DELETE", ""), ("GET", "/mouth"), ("DELETE", "/mouth")):
            answer = way.request(method, f"/api/avatars/kenji{of}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "avatar_fixed"), (method, of)
            assert "of your own" in answer.json()["detail"]
        assert way.put("/api/avatars/kenji/mouth", json={"points": []}, headers=headers).status_code in (400, 403, 422)


@pytest.mark.parametrize("id", CAST_IDS)
def test_a_session_is_made_with_one_by_its_name(client: TestClient, id: str) -> None:
    made = client.post("/api/sessions", json={"avatar": id})
    assert made.status_code == 201, made.text
    assert (made.json()["width"], made.json()["height"]) == (1024, 1024)
    path = f"/api/sessions/{made.json()['id']}"
    assert client.get(path).json()["avatar"] == id
    assert client.delete(path).status_code == 204
    with client.websocket_connect("ws://localhost/ws") as socket:
        socket.send_json({"type": "start", "avatar": id})
        started = socket.receive_json()
        assert (started["type"], started["avatar"], started["width"]) == ("started", id, 1024)
        socket.send_json({"type": "stop"})


def test_a_name_that_nobody_has_says_where_the_names_are(client: TestClient) -> None:
    answer = client.post("/api/sessions", json={"avatar": "Kenji"})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_avatar")
    assert "/api/avatars" in answer.json()["detail"]


def test_thumbnails_are_made_once_and_no_more_are_kept_than_may_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Path] = []

    def small(picture: Path) -> bytes:
        made.append(picture)
        return b"jpeg"

    monkeypatch.setattr(module, "_small", small)
    thumbnails = Thumbnails()
    for number in range(3 * module.KEPT):
        thumbnails.of(str(number), tmp_path)
        thumbnails.of(str(number), tmp_path)
    assert len(thumbnails) == module.KEPT and len(made) == 3 * module.KEPT
