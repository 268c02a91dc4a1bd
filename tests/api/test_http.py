"""HTTP, through the application without a network."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from PIL import Image as PillowImage

from app.assets import DEFAULT_PICTURE, WEB
from app.avatars.picture import MAX_BYTES
from app.config import Settings
from app.main import create_app
from app.sessions.service import Service


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), max_avatars=3)
    with TestClient(create_app(Service(settings)), raise_server_exceptions=False) as client:
        yield client


def avatar(side: int) -> bytes:
    out = io.BytesIO()
    PillowImage.open(DEFAULT_PICTURE).resize((side, side)).save(out, "JPEG")
    return out.getvalue()


def test_an_uploaded_picture_is_listed_shown_and_deleted(client: TestClient) -> None:
    answer = client.post("/api/avatars", files={"image": ("Great Aunt.jpg", avatar(500), "image/jpeg")})
    assert answer.status_code == 201
    added = answer.json()
    assert (added["name"], added["width"], added["height"], added["notice"]) == ("Great Aunt", 500, 500, None)
    listed = client.get("/api/avatars").json()["avatars"]
    assert [avatar["id"] for avatar in listed] == ["default", added["id"]]
    assert client.get(f"/api/avatars/{added['id']}").json() == added
    shown = client.get(added["image"])
    assert shown.headers["content-type"] == "image/png"
    assert PillowImage.open(io.BytesIO(shown.content)).size == (500, 500)
    assert client.delete(f"/api/avatars/{added['id']}").status_code == 204
    assert client.get(f"/api/avatars/{added['id']}").status_code == 404


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"hello", 415, "not_an_image"),
        (avatar(500)[:9_000], 422, "image_truncated"),
        (bytes(MAX_BYTES + 1), 413, "picture_too_large"),
        (bytes(3 * MAX_BYTES), 413, "picture_too_large"),
        (avatar(90), 422, "face_too_small"),
    ],
)
def test_refusals_are_problem_documents(client: TestClient, data: bytes, status: int, code: str) -> None:
    answer = client.post("/api/avatars", files={"image": ("x.jpg", data, "image/jpeg")})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["title"] and problem["type"] and problem["detail"].endswith(".")


def test_forms_without_a_picture_are_refused(client: TestClient) -> None:
    for answer in (
        client.post("/api/avatars"),
        client.post("/api/avatars", data={"image": "text"}),
        client.post("/api/avatars", files={"other": ("x.jpg", b"x", "image/jpeg")}),
        client.post("/api/avatars", content=b"--x", headers={"content-type": "multipart/form-data"}),
    ):
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_full_store_says_so(client: TestClient) -> None:
    answers = [
        client.post("/api/avatars", files={"image": ("x.jpg", avatar(side), "image/jpeg")})
        for side in (400, 410, 420, 430)
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 507]
    assert answers[-1].json()["code"] == "store_full"


def test_the_default_avatar_is_there_to_stay(client: TestClient) -> None:
    assert client.get("/api/avatars/default").json()["width"] == 768
    assert client.get("/api/avatars/default/image").content == DEFAULT_PICTURE.read_bytes()
    answer = client.delete("/api/avatars/default")
    assert (answer.status_code, answer.json()["code"]) == (403, "avatar_fixed")


def test_unknown_avatars_and_paths_are_404_problems(client: TestClient) -> None:
    for path in ("/api/avatars/nobody", "/api/avatars/nobody/image", "/api/nothing", "/web/nothing.js"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.delete("/api/avatars/nobody").json()["code"] == "no_such_avatar"


def test_a_method_that_is_not_allowed_is_answered_with_those_that_are(client: TestClient) -> None:
    answer = client.post("/healthz")
    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (405, "method_not_allowed", "GET")


def test_engines_are_listed_with_what_they_need(client: TestClient) -> None:
    listed = client.get("/api/engines").json()
    engines = {engine["name"]: engine for engine in listed["engines"]}
    assert set(engines) == {"portrait", "wav2lip", "clapper"}
    assert engines["portrait"]["available"] and engines["clapper"]["available"]
    assert listed["auto"] in ("portrait", "wav2lip")


def test_voices_are_listed(client: TestClient) -> None:
    listed = client.get("/api/voices").json()
    assert (listed["default"], listed["why"]) == ("en-us", "")
    voices = {voice["id"]: voice for voice in listed["voices"]}
    assert voices["de"] == {"id": "de", "name": "German", "language": "de"}


def test_the_page_and_its_modules_are_served(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200 and "text/html" in page.headers["content-type"]
    for element in ["start-mic", "play-sample", "choose-wav", "choose-face", "stop", "interrupt", "video", "status"]:
        assert f'id="{element}"' in page.text
    assert 'id="status"' in client.get("/sync").text
    module = client.get("/web/js/app.js")
    assert module.headers["content-type"].startswith("text/javascript")
    assert client.get("/web/assets/sample.wav").status_code == 200


def test_any_site_may_load_the_element_and_show_the_page_of_one_face(client: TestClient) -> None:
    script = client.get("/web/embed.js", headers={"Origin": "https://mine.test"})
    assert script.headers["access-control-allow-origin"] == "*"
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    assert script.headers["cache-control"] == "no-cache"  # what it imports is of the same release
    unchanged = client.get("/web/embed.js", headers={"If-None-Match": script.headers["etag"]})
    assert (unchanged.status_code, unchanged.headers["access-control-allow-origin"]) == (304, "*")
    page = client.get("/watch/any?token=T")
    assert page.headers["referrer-policy"] == "no-referrer" and "x-frame-options" not in page.headers
    assert "<lipwire-face" in page.text and "<lipwire-face" in client.get("/embed").text
    assert "access-control-allow-origin" not in client.get("/api/avatars").headers


def test_no_module_of_the_page_is_missing(client: TestClient) -> None:
    """Every relative import of every module names one that is served."""
    web = WEB
    imported = re.compile(r"""(?:from|import)\s*\(?['"](\.{1,2}/[^'"]+)['"]""")
    modules = list(web.rglob("*.js"))
    assert len(modules) > 15
    for path in modules:
        for name in imported.findall(path.read_text()):
            target = (path.parent / name).resolve().relative_to(web.resolve())
            assert client.get(f"/web/{target}").status_code == 200, f"{path.name} imports {name}"


def test_health_and_metrics(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    metrics = client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "lipwire_sessions 0.0" in metrics.text
    for name in (
        "slots_total",
        "holds_total",
        "drops_total",
        "voice_gaps_total",
        "slots_missed_total",
        "slots_unsent_total",
        "picture_repeats_total",
        "rest_repeats_total",
        "rest_late_total",
        "frames_waiting",
        "slots_waiting",
    ):
        assert f"\nlipwire_{name} 0" in metrics.text
    assert "lipwire_pacer_lateness_seconds_bucket" in metrics.text
    assert "lipwire_event_loop_lag_seconds_count" in metrics.text
