"""Framing over HTTP and the socket's start, through the application without a network."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as PillowImage

from app.api.form_file import FormFile
from app.avatars.background import GREEN
from app.avatars.picture import MAX_BYTES
from app.config import Settings
from app.main import create_app
from app.media import Image
from app.sessions.service import Service
from app.sessions.session_request import SessionRequest
from tests.faces.scenes import HAIR, before, clouds, window


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    with TestClient(create_app(Service(settings)), raise_server_exceptions=False) as client:
        yield client


def png(image: Image) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def form(picture: bytes, **more: bytes) -> dict[str, tuple[str, bytes, str]]:
    return {name: ("x.png", data, "image/png") for name, data in {"image": picture, **more}.items()}


def test_an_upload_is_cropped_and_gets_a_background(client: TestClient) -> None:
    wish = {"crop": "portrait", "background": "green"}
    answer = client.post("/api/avatars", params=wish, files=form(png(before(window()))))
    assert answer.status_code == 201
    added = answer.json()
    assert (added["width"], added["height"]) == (576, 768)
    shown = np.asarray(PillowImage.open(io.BytesIO(client.get(added["image"]).content)))
    assert tuple(shown[10, 10]) == GREEN[::-1]


@pytest.mark.parametrize("behind_first", [True, False])
def test_another_picture_comes_in_the_same_form_before_or_after(client: TestClient, behind_first: bool) -> None:
    wall = np.full((200, 300, 3), (40 if behind_first else 41, 40, 200), np.uint8)
    files = list(form(png(before(window())), background=png(wall)).items())
    answer = client.post("/api/avatars", params={"background": "picture"}, files=files[::-1] if behind_first else files)
    assert answer.status_code == 201
    shown = np.asarray(PillowImage.open(io.BytesIO(client.get(answer.json()["image"]).content)))
    assert np.abs(shown[10, 10].astype(int) - (200, 40, 40)).max() < 6


@pytest.mark.parametrize(("params", "behind", "code", "status"), [
    ({"crop": "round"}, None, "bad_crop", 422),
    ({"background": "puce"}, None, "bad_background", 422),
    ({"background": "picture"}, None, "bad_background", 422),
    ({"background": "blur"}, b"x", "bad_background", 422),
    ({"background": "picture"}, b"hello", "not_an_image", 415),
    ({"background": "picture"}, bytes(MAX_BYTES + 1), "picture_too_large", 413),
])  # fmt: skip
@pytest.mark.parametrize("path", ["/api/avatars", "/api/avatars/preview"])
def test_bad_framings_are_refused_with_a_code(
    client: TestClient, path: str, params: dict[str, str], behind: bytes | None, code: str, status: int
) -> None:
    files = form(png(before(window())), **({} if behind is None else {"background": behind}))
    answer = client.post(path, params=params, files=files)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_who_cannot_be_cut_out_is_said_so(client: TestClient) -> None:
    files = form(png(before(clouds(40, 10, HAIR))))
    answer = client.post("/api/avatars", params={"background": "blur"}, files=files)
    assert (answer.status_code, answer.json()["code"]) == (422, "mask_unsure")


def test_a_preview_shows_what_would_be_and_keeps_nothing(client: TestClient) -> None:
    known = client.get("/api/avatars").json()
    wish = {"crop": "square", "background": "#ff0000"}
    answer = client.post("/api/avatars/preview", params=wish, files=form(png(before(window()))))
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["width"], shown["height"], shown["notice"]) == (768, 768, None)
    kind, _, data = shown["image"].partition(";base64,")
    assert kind == "data:image/jpeg"
    picture = np.asarray(PillowImage.open(io.BytesIO(base64.b64decode(data))))
    assert np.abs(picture[5, 5].astype(int) - (255, 0, 0)).max() < 12
    assert client.get("/api/avatars").json() == known


def test_a_form_has_one_background_and_needs_a_picture(client: TestClient) -> None:
    picture = png(before(window()))
    twice = [("background", ("a.png", picture, "image/png"))] * 2
    for files in (twice, [("image", ("a.png", picture, "image/png")), *twice]):
        assert client.post("/api/avatars", params={"background": "picture"}, files=files).json()["code"] == "bad_form"


def test_a_forms_background_is_told_from_its_picture_in_pieces_of_any_size() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="background"; filename="b"\r\n\r\nbehind it\r\n'
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nthe face\r\n--x--\r\n'
    )
    for size in (1, 7, len(body)):
        taken, found, behind = FormFile("multipart/form-data; boundary=x"), b"", b""
        for start in range(0, len(body), size):
            found += taken.feed(body[start : start + size])
            behind += bytes(taken.behind)
        taken.check_complete()
        assert (found, behind, taken.field) == (b"the face", b"behind it", "image")


def test_a_session_stands_before_green_where_it_was_asked_for(client: TestClient) -> None:
    answer = client.post("/api/sessions", json={"background": "green", "engine": "portrait"})
    assert answer.status_code == 201
    assert client.delete(f"/api/sessions/{answer.json()['id']}").status_code == 204
    assert client.post("/api/sessions", json={"background": "#123456"}).json()["code"] == "bad_request"


async def test_a_background_is_prepared_once_and_beside_the_pictures_own(tmp_path: Path) -> None:
    service = Service(Settings(data_dir=tmp_path))
    await service.start()
    try:
        green, again = [await service.casting.find("portrait", "default", "green") for _ in range(2)]
        own = await service.casting.find("portrait", "default")
        assert green is again and own is not green
        assert (green.avatar.image[:20] == GREEN).all() and (own.avatar.image[:20] != GREEN).any()
        assert (green.background, own.background) == ("green", "keep")
        session = await service.open(SessionRequest(engine="portrait", background="green"))
        assert session.cast.avatar is green.avatar
        await service.close(session)
    finally:
        await service.aclose()


def test_a_face_that_cannot_be_cut_out_starts_as_it_is_and_no_other_way(client: TestClient) -> None:
    added = client.post("/api/avatars", files=form(png(before(clouds(40, 10, HAIR))))).json()
    answer = client.post("/api/sessions", json={"avatar": added["id"], "background": "green", "engine": "portrait"})
    assert (answer.status_code, answer.json()["code"]) == (422, "mask_unsure")
    with client.websocket_connect("ws://localhost/ws") as socket:
        socket.send_json({"type": "start", "avatar": added["id"], "background": "blur", "engine": "portrait"})
        assert socket.receive_json()["code"] == "mask_unsure"
    answer = client.post("/api/sessions", json={"avatar": added["id"], "engine": "portrait"})
    assert answer.status_code == 201
    client.delete(f"/api/sessions/{answer.json()['id']}")
