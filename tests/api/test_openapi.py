"""``/openapi.json`` says what is answered, and what is answered is what it says."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image as PillowImage
from pydantic import TypeAdapter

from app.api import models, output_models, session_models
from app.api.client_messages import TYPES
from app.api.keys import KeyView
from app.api.problems import MEDIA_TYPE, STATUS_OF
from app.assets import DEFAULT_PICTURE
from app.config import Settings
from app.main import create_app
from app.sessions.service import Service
from tests.paths import ROOT

ROUTES: dict[tuple[str, str], TypeAdapter[Any] | None] = {
    ("get", "/healthz"): TypeAdapter(models.Health),
    ("get", "/api/sessions/{id}/outputs"): TypeAdapter(output_models.OutputList),
    ("post", "/api/sessions/{id}/outputs"): TypeAdapter(output_models.OutputView),
    ("get", "/api/sessions/{id}/outputs/{output}"): TypeAdapter(output_models.OutputView),
    ("delete", "/api/sessions/{id}/outputs/{output}"): None,
    ("get", "/api/site"): TypeAdapter(models.SiteView),
    ("get", "/api/key"): TypeAdapter(KeyView),
    ("get", "/api/engines"): TypeAdapter(models.EngineList),
    ("get", "/api/voices"): TypeAdapter(models.VoiceList),
    ("post", "/api/sessions"): TypeAdapter(session_models.SessionMade),
    ("get", "/api/sessions"): TypeAdapter(session_models.SessionList),
    ("get", "/api/sessions/{id}"): TypeAdapter(session_models.SessionView),
    ("delete", "/api/sessions/{id}"): None,
    ("post", "/api/sessions/{id}/tokens"): TypeAdapter(session_models.TokenMade),
    ("post", "/api/sessions/{id}/interrupt"): TypeAdapter(session_models.Cut),
    ("get", "/api/sessions/{id}/mood"): TypeAdapter(session_models.MoodModel),
    ("put", "/api/sessions/{id}/mood"): TypeAdapter(session_models.MoodModel),
    ("post", "/api/sessions/{id}/listening"): None,
    ("get", "/api/avatars"): TypeAdapter(models.AvatarList),
    ("post", "/api/avatars"): TypeAdapter(models.AvatarView),
    ("post", "/api/avatars/preview"): TypeAdapter(models.PreviewView),
    ("get", "/api/avatars/progress"): TypeAdapter(models.Progress | None),
    ("get", "/api/avatars/{id}"): TypeAdapter(models.AvatarView),
    ("get", "/api/avatars/{id}/image"): None,
    ("get", "/api/avatars/{id}/thumbnail"): None,
    ("delete", "/api/avatars/{id}"): None,
    ("get", "/api/avatars/{id}/mouth"): TypeAdapter(models.MouthView),
    ("put", "/api/avatars/{id}/mouth"): TypeAdapter(models.MouthView),
    ("delete", "/api/avatars/{id}/mouth"): None,
    ("get", "/api/sessions/{id}/recording"): None,
    ("delete", "/api/sessions/{id}/recording"): None,
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    service = Service(Settings(data_dir=tmp_path_factory.mktemp("data"), engine="portrait"))
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def described(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def avatar(client: TestClient) -> str:
    out = io.BytesIO()
    PillowImage.open(DEFAULT_PICTURE).resize((500, 500)).save(out, "JPEG")
    added = client.post("/api/avatars", files={"image": ("Ann.jpg", out.getvalue(), "image/jpeg")})
    models.AvatarView.model_validate_json(added.content)
    return str(added.json()["id"])


def operations(described: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(method, path): route for path, routes in described["paths"].items() for method, route in routes.items()}


def test_every_route_has_a_model_for_what_it_answers(described: dict[str, Any]) -> None:
    # SDP has no model; tests/api/test_whep.py looks at it
    listed = {key: operation for key, operation in operations(described).items() if not key[1].startswith("/whep/")}
    assert listed.keys() == ROUTES.keys()
    for (method, path), operation in listed.items():
        (good,) = [status for status in operation["responses"] if status[0] == "2"]
        content = operation["responses"][good].get("content", {})
        if path.endswith("/image"):
            assert list(content) == ["image/png", "image/jpeg"]
        elif path.endswith("/thumbnail"):
            assert list(content) == ["image/jpeg"]
        elif (method, path) == ("get", "/api/sessions/{id}/recording"):
            assert list(content) == ["video/mp4"]
        elif ROUTES[method, path] is None:
            assert good == "204" and not content
        else:
            names = re.findall(r"#/components/schemas/(\w+)", str(content["application/json"]["schema"]))
            assert names and names[0] in str(ROUTES[method, path]), f"{method} {path}"
            assert described["components"]["schemas"][names[0]]["properties"]


def test_every_refusal_is_a_problem_document_with_codes_of_its_status(described: dict[str, Any]) -> None:
    for (method, path), operation in operations(described).items():
        bad = {status: answer for status, answer in operation["responses"].items() if status[0] != "2"}
        assert "default" in bad, f"{method} {path}"
        for status, answer in bad.items():
            assert answer["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
            codes = re.findall(r"`(\w+)`", answer["description"])
            assert status == "default" or (codes and all(str(STATUS_OF[code]) == status for code in codes))
    assert set(described["components"]["schemas"]["Problem"]["properties"]) == set(models.Problem.model_fields)


def test_bodies_that_routes_read_themselves_are_described(described: dict[str, Any]) -> None:
    found = operations(described)
    form = found["post", "/api/avatars"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"image", "video", "background"}
    body = found["put", "/api/avatars/{id}/mouth"]["requestBody"]["content"]["application/json"]["schema"]
    point = body["properties"]["points"]["items"]
    assert set(point["required"]) == {"name", "x", "y"} and "chin" in point["properties"]["name"]["enum"]


def test_real_answers_are_as_described(client: TestClient, avatar: str) -> None:
    made = client.post("/api/sessions", json={"engine": "clapper"})
    session = session_models.SessionMade.model_validate_json(made.content).id
    wish = {"kind": "rtmp", "url": "rtmp://127.0.0.1:1/live/key"}
    added = client.post(f"/api/sessions/{session}/outputs", json=wish)
    output = output_models.OutputView.model_validate_json(added.content).id
    for (method, path), answered in ROUTES.items():
        if method == "get" and answered is not None:
            id = session if path.startswith("/api/sessions") else avatar
            url = path.replace("{id}", id).replace("{output}", output)
            answer = client.get(url, params={"upload": "x" * 16})
            assert answer.status_code == 200, path
            answered.validate_json(answer.content, strict=True)
    mouth = client.get(f"/api/avatars/{avatar}/mouth").json()
    put = client.put(f"/api/avatars/{avatar}/mouth", json=mouth)
    models.MouthView.model_validate_json(put.content, strict=True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/avatars/nobody", 404),
        ("GET", "/api/nothing", 404),
        ("POST", "/healthz", 405),
        ("DELETE", "/api/avatars/default", 403),
        ("GET", "/api/avatars/progress", 400),
        ("POST", "/api/avatars", 400),
        ("PUT", "/api/avatars/nobody/mouth", 400),
    ],
)
def test_real_refusals_are_as_described(method: str, path: str, status: int, client: TestClient) -> None:
    answer = client.request(method, path)
    problem = models.Problem.model_validate_json(answer.content, strict=True)
    assert (answer.status_code, problem.status, answer.headers["content-type"]) == (status, status, MEDIA_TYPE)
    assert problem.title == HTTPStatus(status).phrase and problem.type.endswith(problem.code)


def test_the_codes_are_those_of_the_protocols_page() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text()
    rows = re.findall(r"^\| (\d{3})[^|]*\| (.*) \|$", page.partition("## HTTP")[2], re.MULTILINE)
    listed = {code: int(status) for status, codes in rows for code in re.findall(r"`([a-z_]+)`", codes)}
    assert listed == STATUS_OF


def test_every_refusal_in_the_code_has_a_status() -> None:
    raised = re.compile(r"""(?:PictureError|MouthError|Refusal|super\(\).__init__)\(\s*"([a-z_]+)",""")
    sources = [path for folder in ("avatars", "api") for path in (ROOT / "app" / folder).glob("*.py")]
    sources = [
        path for path in sources if path.name not in ("socket.py", "media_wait.py", "client_messages.py")
    ]  # theirs have close codes
    codes = {code for path in sources for code in raised.findall(path.read_text())}
    assert codes <= STATUS_OF.keys() and len(codes) > 20


def test_the_sockets_messages_are_described_both_ways(described: dict[str, Any]) -> None:
    parts = described["components"]["schemas"]
    socket = described["x-websockets"]["/ws"]
    kinds = {}
    for way, union in socket.items():
        name = union["$ref"].rsplit("/", 1)[1]
        kinds[way] = set(parts[name]["discriminator"]["mapping"])
        assert all(ref.rsplit("/", 1)[1] in parts for ref in parts[name]["discriminator"]["mapping"].values())
    assert kinds["receives"] == set(TYPES)
    assert kinds["sends"] == {
        "started", "answer", "speaking", "interrupted", "say_failed", "mark", "viewers", "stats", "draining", "error",
        "elsewhere", "move",
    }  # fmt: skip
    assert parts["StartMessage"]["properties"]["sample_rate"]["maximum"] == 96_000
