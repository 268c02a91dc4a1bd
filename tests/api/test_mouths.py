"""A corrected mouth over HTTP and on disk: kept, used by the next session, and reset."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as PillowImage

from app.api.mouths import MAX_BODY_BYTES
from app.assets import DEFAULT_PICTURE
from app.avatars.avatar import Avatar
from app.avatars.mouth import HANDLE_POINTS, HANDLES
from app.avatars.mouth_file import MOUTH
from app.avatars.store import AvatarFixed, AvatarStore, NoSuchAvatar
from app.config import Settings
from app.faces.face import FaceFinder
from app.main import create_app
from app.rtc.picture_encoder import Effort
from app.sessions.admission import Terms
from app.sessions.service import Service
from app.sessions.session_request import SessionRequest
from tests.avatars.test_correction import OPENED, WIDENED, shifted
from tests.avatars.test_video_avatars import SIDE, at, film, gently


def picture(side: int = 500) -> bytes:
    out = io.BytesIO()
    PillowImage.open(DEFAULT_PICTURE).resize((side, side)).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture
def store(tmp_path: Path, finder: FaceFinder) -> AvatarStore:
    return AvatarStore(tmp_path, finder, 1080, max_avatars=3)


def test_a_correction_survives_a_restart_and_can_be_reset(store: AvatarStore, tmp_path: Path) -> None:
    id = store.add(picture(), "Ann").id
    kept = (tmp_path / "avatars" / id / "avatar.json").read_bytes()
    found = store.load(id)
    assert store.mouth(id).corrected is None
    mouth = shifted(found.mesh, **OPENED)
    store.correct_mouth(id, mouth)
    again = AvatarStore(tmp_path, FaceFinder(), 1080, 3)
    assert np.abs(again.load(id).mesh[HANDLE_POINTS] - mouth).max() < 1e-3
    known = again.mouth(id)
    assert known.corrected is not None and (known.corrected == mouth).all()
    assert np.abs(known.found - found.mesh[HANDLE_POINTS]).max() < 0.01
    assert (tmp_path / "avatars" / id / "avatar.json").read_bytes() == kept, "what was found stays as it is"
    again.reset_mouth(id)
    again.reset_mouth(id)
    assert again.mouth(id).corrected is None and (again.load(id).mesh == found.mesh).all()


def test_a_corrected_video_moves_in_every_frame(store: AvatarStore, tmp_path: Path) -> None:
    id = store.add(film(tmp_path / "a.mp4", gently, at(25, 0.6)), "Ann").id
    found = store.load(id)
    store.correct_mouth(id, shifted(found.mesh, right_corner=(4, 2)))
    loaded = store.load(id)
    assert found.video is not None and loaded.video is not None and loaded.video.frames.shape == (15, SIDE, SIDE, 3)
    moved = loaded.video.meshes[:, 291] - found.video.meshes[:, 291]
    assert np.abs(moved - (4, 2)).max() < 0.3
    assert (loaded.mesh == loaded.video.meshes[0]).all()


DAMAGES = ["", "{", "[" * 5000, '{"points": []}', '{"points": [{"name": "chin"}]}', "upside down"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_correction_is_left_out_and_logged(
    damage: str, store: AvatarStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    id = store.add(picture(), "Ann").id
    found = store.load(id).mesh
    if damage == "upside down":
        points = zip(HANDLES, shifted(found)[::-1].tolist(), strict=True)
        damage = json.dumps({"points": [{"name": handle.name, "x": x, "y": y} for handle, (x, y) in points]})
    (tmp_path / "avatars" / id / MOUTH).write_text(damage)
    with caplog.at_level(logging.WARNING):
        assert (store.load(id).mesh == found).all()
    assert id in caplog.text
    assert store.mouth(id).corrected is None


def test_the_order_of_the_list_and_a_second_upload_know_nothing_of_a_correction(store: AvatarStore) -> None:
    first, second = store.add(picture(400), "First"), store.add(picture(420), "Second")
    store.correct_mouth(first.id, shifted(store.load(first.id).mesh, chin=(0, 3)))
    assert [info.name for info in store.all()] == ["Default", "Second", "First"]
    assert store.add(picture(400), "First").id == first.id
    assert store.mouth(first.id).corrected is not None
    store.delete(first.id)
    store.add(picture(400), "First")
    assert store.mouth(first.id).corrected is None, "a face that is uploaded anew is a new one"
    assert store.mouth(second.id).corrected is None


def test_only_faces_that_are_kept_can_be_corrected(store: AvatarStore, avatar: Avatar, tmp_path: Path) -> None:
    mouth = shifted(avatar.mesh)
    for id, error in (("default", AvatarFixed), ("0" * 24, NoSuchAvatar), ("../x", NoSuchAvatar)):
        with pytest.raises(error):
            store.mouth(id)
        with pytest.raises(error):
            store.correct_mouth(id, mouth)
        with pytest.raises(error):
            store.reset_mouth(id)
    assert not list(tmp_path.rglob(MOUTH))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(Settings(data_dir=tmp_path_factory.mktemp("data"), engine="portrait"))


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def path(client: TestClient) -> str:
    added = client.post("/api/avatars", files={"image": ("Ann.jpg", picture(), "image/jpeg")}).json()
    return f"/api/avatars/{added['id']}/mouth"


def get(client: TestClient, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200
    known: dict[str, Any] = answer.json()
    return known


def test_the_points_are_shown_moved_and_reset(client: TestClient, path: str) -> None:
    before = get(client, path)
    assert before["corrected"] is False
    assert [point["name"] for point in before["points"]] == [handle.name for handle in HANDLES]
    assert all((point["x"], point["y"]) == (point["found_x"], point["found_y"]) for point in before["points"])
    assert all(0 < point["x"] < 500 and 0 < point["y"] < 500 and point["label"] for point in before["points"])
    before["points"][0]["x"] -= 7.25
    answer = client.put(path, json=before)
    assert answer.status_code == 200
    assert answer.json() == before | {"corrected": True} == get(client, path)
    for _ in range(2):
        assert client.delete(path).status_code == 204
    after = get(client, path)
    assert after["corrected"] is False and after["points"][0]["x"] == before["points"][0]["found_x"]


def assert_problem(answer: Any, status: int, code: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["detail"].endswith(".") and problem["type"] and problem["title"]


def changed(client: TestClient, path: str, **shifts: tuple[float, float]) -> dict[str, Any]:
    known = get(client, path)
    for point in known["points"]:
        right, down = shifts.get(point["name"], (0, 0))
        point["x"], point["y"] = point["x"] + right, point["y"] + down
    return known


@pytest.mark.parametrize(
    ("shifts", "code"),
    [
        ({"chin": (0, 400)}, "point_outside"),
        ({"left_corner": (75, 0), "right_corner": (-75, 0)}, "mouth_upside_down"),
        ({"left_corner": (30, 0), "right_corner": (-30, 0)}, "mouth_too_narrow"),
        ({"upper_lip_top": (0, -40)}, "mouth_above_nose"),
        ({"upper_lip_top": (0, 12)}, "lips_crossed"),
    ],
)
def test_mouths_that_are_none_are_refused(
    shifts: dict[str, tuple[float, float]], code: str, client: TestClient, path: str
) -> None:
    assert_problem(client.put(path, json=changed(client, path, **shifts)), 422, code)
    assert get(client, path)["corrected"] is False


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_json"),
        (b"{", 400, "bad_json"),
        (b"\xff\xfe\xfd", 400, "bad_json"),
        (b"[" * 10_000, 400, "bad_json"),
        (b'{"points": [{"name": "chin", "x": %s, "y": 1}]}' % (b"9" * 5000), 400, "bad_json"),
        (b'{"points": ' + b" " * MAX_BODY_BYTES + b"[]}", 413, "body_too_large"),
        (b"7", 422, "bad_points"),
        (b'{"points": [{"name": "chin", "x": NaN, "y": 1}]}', 422, "bad_point"),
        (b'{"points": [{"name": "chin", "x": 1e999, "y": 1}]}', 422, "bad_point"),
        (b'{"points": [{"name": "nose", "x": 1, "y": 1}]}', 422, "unknown_point"),
        (b'{"points": [{"name": "\\ud800", "x": 1, "y": 1}]}', 422, "unknown_point"),
        (b'{"points": [{"name": "chin", "x": 1, "y": 1}]}', 422, "missing_point"),
    ],
)
def test_bodies_that_say_nothing_are_problem_documents(
    body: bytes, status: int, code: str, client: TestClient, path: str
) -> None:
    assert_problem(client.put(path, content=body, headers={"content-type": "application/json"}), status, code)


def test_the_default_face_and_unknown_ones_are_refused(client: TestClient, path: str) -> None:
    known = get(client, path)
    for id, status, code in (("default", 403, "avatar_fixed"), ("0" * 24, 404, "no_such_avatar")):
        other = f"/api/avatars/{id}/mouth"
        for answer in (client.get(other), client.put(other, json=known), client.delete(other)):
            assert_problem(answer, status, code)
    assert "corrected" in client.get("/api/avatars/default/mouth").json()["detail"]


def test_the_next_session_has_the_correction_and_a_running_one_goes_on(
    client: TestClient, path: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a busy machine would refuse a second face
    monkeypatch.setattr(service.capacity, "terms", lambda *asked: Terms(True, Effort.USUAL))
    start = SessionRequest(engine="clapper", avatar=path.split("/")[3])

    async def mesh() -> tuple[Any, np.ndarray]:
        session = await service.open(start)
        return session, session.cast.avatar.mesh.copy()

    assert client.portal is not None
    running, found = client.portal.call(mesh)
    known = changed(client, path, **WIDENED)
    assert client.put(path, json=known).status_code == 200
    corrected_one, corrected = client.portal.call(mesh)
    sent = [[point["x"], point["y"]] for point in known["points"]]
    assert np.abs(corrected[HANDLE_POINTS] - sent).max() < 1e-3
    assert running.id in service.sessions and (running.cast.avatar.mesh == found).all()
    client.delete(path)
    reset_one, again = client.portal.call(mesh)
    assert (again == found).all()
    for session in (running, corrected_one, reset_one):
        client.portal.call(service.close, session)


def test_a_full_disk_is_said_and_the_correction_before_stays(
    client: TestClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client.put(path, json=changed(client, path, chin=(0, 2))).json()

    def no_room(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("app.avatars.mouth_file.os.replace", no_room)
        assert_problem(client.put(path, json=changed(client, path, chin=(0, 2))), 507, "disk_full")
    assert get(client, path) == before
    client.delete(path)


async def test_corrections_at_once_leave_a_whole_file(store: AvatarStore) -> None:
    id = store.add(picture(), "Ann").id
    mesh = store.load(id).mesh
    mouths = [shifted(mesh, chin=(0, step)) for step in range(1, 9)]
    await asyncio.gather(*(asyncio.to_thread(store.correct_mouth, id, mouth) for mouth in mouths))
    kept = store.mouth(id).corrected
    assert kept is not None and any((kept == mouth).all() for mouth in mouths)
    assert cv2.imread(str(store.picture_file(id))) is not None
