"""Whose requests get in: pages of other sites, names of somebody else's making; and the headers of all answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from app.api.border import MOST_LOGGED
from app.api.site_rules import SiteRules
from app.config import Settings
from app.main import create_app
from app.sessions.service import Service
from tests.api.test_http import avatar
from tests.server import Server

FOREIGN = {"Origin": "https://evil.example"}
ALLOWED = {"Origin": "https://friend.example"}
OWN = {"Origin": "http://localhost"}


def application(folder: Path, **settings: Any) -> Any:
    return create_app(Service(Settings(data_dir=folder, engine="clapper", **settings)))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = application(
        tmp_path_factory.mktemp("data"),
        allowed_origins=("https://friend.example", "https://[2001:db8::5]:8443", "app://desktop"),
        allowed_hosts=("Faces.Example.org.", "*.below.example"),
        public_url="https://public.example",
        embed_origins=("https://friend.example",),
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def code(answer: Any) -> str | None:
    return answer.json()["code"] if answer.status_code == 403 else None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://localhost:81",
        "http://localhost.evil.example",
        "http://evil.example#localhost",
        "http://localhost@evil.example",
        "http://user@localhost",
        "http://localhost/",
        "http://localhost, https://evil.example",
        "http://friend.example",  # the one over TLS is allowed
        "https://friend.example:8443",
        "https://friend.example.evil.example",
        "https://[2001:db8::6]:8443",
        "https://[evil]:8443",
        "file://",
        "localhost",
        "//localhost",
        "http://localhost\\@evil.example",
        "ftp://localhost",
    ],
)
def test_a_page_of_another_site_changes_nothing_and_opens_no_socket(client: TestClient, origin: str) -> None:
    count = len(client.get("/api/avatars").json()["avatars"])
    for method, path, more in (
        ("POST", "/api/avatars", {"files": {"image": ("x.jpg", avatar(500), "image/jpeg")}}),
        ("POST", "/api/sessions", {"content": b"{}"}),
        ("DELETE", "/api/avatars/default", {}),
        ("PUT", "/api/avatars/x/mouth", {"json": {}}),
        ("PATCH", "/api/sessions", {}),
    ):
        assert code(client.request(method, path, headers={"Origin": origin}, **more)) == "origin_not_allowed", method
    assert len(client.get("/api/avatars").json()["avatars"]) == count
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect("ws://localhost/ws", headers={"Origin": origin}),
    ):
        pass
    answer: Any = refused.value
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost", "http://localhost"),
        ("LOCALHOST:80", "http://localhost"),
        ("localhost.", "HTTP://LOCALHOST:80"),
        ("localhost:8000", "http://localhost:8000"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("[::1]:8000", "http://[0:0:0:0:0:0:0:1]:8000"),
        ("faces.example.org", "https://faces.example.org"),  # a proxy before us ended TLS
        ("faces.example.org:8443", "https://faces.example.org:8443"),
        ("localhost", "https://friend.example"),
        ("localhost", "https://Friend.example:443"),
        ("localhost", "https://[2001:0DB8::5]:8443"),
        ("localhost", "app://desktop"),
        ("localhost", "https://public.example"),
    ],
)
def test_our_own_pages_and_allowed_ones_get_in(client: TestClient, host: str, origin: str) -> None:
    headers = {"Host": host, "Origin": origin}
    answer = client.delete("/api/avatars/nobody", headers=headers)
    assert answer.json()["code"] == "no_such_avatar"
    with client.websocket_connect(f"ws://{host}/ws", headers=headers) as socket:
        socket.send_json({"type": "bad"})
        assert socket.receive_json()["code"] == "unknown_type"


def test_programs_say_no_origin_and_other_sites_without_one_are_known_by_what_browsers_add(client: TestClient) -> None:
    assert client.delete("/api/avatars/nobody").status_code == 404
    for site, status in (("same-origin", 404), ("none", 404), ("cross-site", 403), ("same-site", 403)):
        assert client.delete("/api/avatars/nobody", headers={"Sec-Fetch-Site": site}).status_code == status, site
    both = [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")]
    assert client.delete("/api/avatars/nobody", headers=both).status_code == 403


def test_refusals_are_logged_for_who_forgot_a_name_and_fill_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with TestClient(application(tmp_path)) as client:
        for _ in range(3):
            client.post("/api/sessions", headers={"Host": "localhost:8000", "Origin": "https://faces.example"})
        (said,) = [record.getMessage() for record in caplog.records if record.name == "app.api.border"]
        assert said == "border: refused, origin_not_allowed: host localhost:8000, origin https://faces.example"
        for number in range(300):
            client.get("/", headers={"Host": f"{number}-{'x' * 200}.example"})
    lines = [record.getMessage() for record in caplog.records if record.name == "app.api.border"]
    assert len(lines) == MOST_LOGGED and max(map(len, lines)) < 300


def test_two_origins_are_both_looked_at(client: TestClient) -> None:
    twice = [("Origin", "http://localhost"), ("Origin", "https://evil.example")]
    assert code(client.post("/api/sessions", headers=twice)) == "origin_not_allowed"
    assert code(client.post("/api/sessions", headers=twice[::-1])) == "origin_not_allowed"


def test_what_a_proxy_is_said_to_have_said_changes_nothing(client: TestClient) -> None:
    claimed = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", **FOREIGN}
    assert code(client.post("/api/sessions", headers=claimed)) == "origin_not_allowed"
    assert (
        code(client.get("/", headers={"Host": "evil.example", "X-Forwarded-Host": "localhost"})) == "host_not_allowed"
    )


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "faces.example.org.evil.example",
        "notfaces.example.org",
        "below.example",
        "evilbelow.example",
        "localhost@evil.example",
        "user@localhost",
        "localhost:80:80",
        "localhost:99999",
        "localhost, evil.example",
        "localhost/",
        "localhost#",
        "[::1",
        "[localhost]",
        "[127.0.0.1]",
        "::1",
        "",
        "127.0.0.1.evil.example",
        "2130706433",
        "0x7f.1",
        "testserver",
    ],
)
def test_a_name_that_is_not_ours_reaches_nothing(client: TestClient, host: str) -> None:
    for path in ("/", "/api/avatars", "/api/sessions/x/recording", "/healthz", "/metrics", "/web/embed.js", "/whep/x"):
        assert code(client.get(path, headers={"Host": host})) == "host_not_allowed", path
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect("ws://localhost/ws", headers={"Host": host}),
    ):
        pass
    assert getattr(refused.value, "status_code", None) == 403


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "app.localhost:3000",
        "127.8.9.10",
        "[::1]:8000",
        "192.168.1.7:8000",  # an address is no name that somebody else could make
        "[2001:db8::1]",
        "FACES.example.org.:443",
        "a.b.below.example",
        "public.example",
    ],
)
def test_our_names_and_all_addresses_reach_it(client: TestClient, host: str) -> None:
    assert client.get("/api/avatars", headers={"Host": host}).status_code == 200


def test_two_hosts_are_none(client: TestClient) -> None:
    assert code(client.get("/", headers=[("Host", "localhost"), ("Host", "evil.example")])) == "host_not_allowed"


def test_links_bear_the_public_address_and_else_what_the_request_says(client: TestClient, tmp_path: Path) -> None:
    made = client.post("/api/sessions", headers={"X-Forwarded-Host": "evil.example"}).json()
    assert made["feed"]["url"] == "wss://public.example/ws"
    assert made["view"]["whep"] == f"https://public.example/whep/{made['id']}"
    client.delete(f"/api/sessions/{made['id']}")
    with TestClient(application(tmp_path)) as plain:
        made = plain.post("/api/sessions", headers={"Host": "127.0.0.1:9000"}).json()
        assert made["feed"]["url"] == "ws://127.0.0.1:9000/ws"


def test_whep_is_open_to_any_page_as_tokens_alone_count(client: TestClient) -> None:
    for headers in (FOREIGN, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = client.post("/whep/x", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["lipwire-label"] == "AI-generated"
        assert "Lipwire-Label" in answer.headers["access-control-expose-headers"]
    asked = {**FOREIGN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    assert client.options("/whep/x", headers=asked).status_code == 204


def test_allowed_pages_may_ask_and_read_and_others_may_not(client: TestClient) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    answer = client.options("/api/sessions", headers=ALLOWED | asks)
    assert answer.status_code == 204 and not answer.content
    assert answer.headers["access-control-allow-origin"] == "https://friend.example"
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "Origin" in answer.headers["vary"]
    for status, answer in (
        (200, client.get("/api/avatars", headers=ALLOWED)),
        (404, client.get("/api/x", headers=ALLOWED)),
    ):
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, ALLOWED["Origin"])
        assert "access-control-allow-credentials" not in answer.headers
    for headers in (FOREIGN, {"Origin": "null"}):
        assert code(client.options("/api/sessions", headers=headers | asks)) == "origin_not_allowed"
        answer = client.get("/api/avatars", headers=headers)
        assert answer.status_code == 200 and "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin" and "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("path", ["[x", "*", "http://evil.example/[", "//[x", "/\ud800"])
def test_a_path_that_is_none_is_no_fault_of_ours(path: str) -> None:
    headers = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
    connection = HTTPConnection({"type": "http", "scheme": "http", "path": path, "headers": headers})
    rules = SiteRules(Settings())
    rules.check_host(connection)
    rules.check_origin(connection)


def test_the_operator_may_open_it_to_all(tmp_path: Path) -> None:
    with TestClient(application(tmp_path, allowed_origins=("*",), allowed_hosts=("*",))) as client:
        for headers in (FOREIGN, {"Origin": "null"}, {"Host": "any.example"}):
            assert client.delete("/api/avatars/nobody", headers=headers).status_code == 404
        assert code(client.get("/", headers={"Host": "a@b"})) == "host_not_allowed"


async def test_a_handshake_is_refused_by_the_real_server_and_is_no_fault_in_its_log(server: Server) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(server.ws_url, origin=websockets.Origin("https://evil.example"))
    response = refused.value.response
    assert (response.status_code, json.loads(response.body)["code"]) == (403, "origin_not_allowed")
    assert response.headers["x-content-type-options"] == "nosniff"
    async with websockets.connect(server.ws_url, origin=websockets.Origin(server.url)) as socket:
        await socket.send('{"type":"bad"}')
        assert json.loads(await socket.recv())["code"] == "unknown_type"
    log = server.log.read_text()
    assert "https://evil.example" in log and "without completing handshake" not in log


def policy(answer: Any) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";")]
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("path", ["/", "/sync", "/watch/x", "/watch", "/embed", "/docs"])
def test_a_page_loads_nothing_but_our_files_and_is_framed_as_the_operator_says(client: TestClient, path: str) -> None:
    answer = client.get(path)
    found = policy(answer)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert found["default-src"] == "'none'" and found["script-src"] == found["style-src"] == "'self'"
    assert "unsafe" not in str(found) and found["base-uri"] == found["form-action"] == "'none'"
    own = "'self'" if path in ("/", "/sync", "/docs") else "'self' https://friend.example"
    assert found["frame-ancestors"] == own
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert ("microphone=(self)" in answer.headers["permissions-policy"]) == (path == "/")
    assert "camera=()" in answer.headers["permissions-policy"]


def test_every_answer_has_the_headers_that_every_answer_has(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.avatars.store.AvatarStore.all", None)  # our own fault
    answers = [client.get(path) for path in ("/", "/api/avatars", "/web/embed.js", "/nothing", "/healthz", "/whep/x")]
    answers += [client.get("/", headers={"Host": "evil.example"}), client.post("/api/sessions", headers=FOREIGN)]
    assert [answer.status_code for answer in answers] == [200, 500, 200, 404, 200, 405, 403, 403]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors" in policy(answer)
        assert answer.headers["cross-origin-resource-policy"] in ("same-origin", "cross-origin")
        assert "strict-transport-security" not in answer.headers


def test_what_other_sites_may_load_says_so_and_tokens_are_not_kept(client: TestClient) -> None:
    assert client.get("/web/js/watch/face.js").headers["cross-origin-resource-policy"] == "cross-origin"
    assert client.get("/api/avatars/default/image").headers["cross-origin-resource-policy"] == "cross-origin"
    assert client.get("/api/sessions").headers["cache-control"] == "no-store"
    unchanged = client.get("/web/embed.js", headers={"If-None-Match": client.get("/web/embed.js").headers["etag"]})
    assert unchanged.status_code == 304 and "content-security-policy" not in unchanged.headers


def test_browsers_are_told_to_stay_on_tls_where_there_is_tls(client: TestClient, tmp_path: Path) -> None:
    with TestClient(
        application(tmp_path, allowed_hosts=("faces.example",)), base_url="https://faces.example"
    ) as secure:
        assert "max-age=" in secure.get("/").headers["strict-transport-security"]
        assert "strict-transport-security" not in secure.get("/", headers={"Host": "localhost:8443"}).headers
        plain = {"Origin": "http://faces.example"}  # somebody on the way may have made that page
        assert code(secure.post("/api/sessions", headers=plain)) == "origin_not_allowed"


def test_the_api_is_described_by_our_own_page_or_not_at_all(client: TestClient, tmp_path: Path) -> None:
    page = client.get("/docs").text
    assert "//" not in page.replace("<!doctype", "") and client.get("/redoc").status_code == 404
    with TestClient(application(tmp_path, api_pages=False)) as closed:
        for path in ("/docs", "/openapi.json", "/redoc"):
            assert closed.get(path).status_code == 404


def test_json_that_does_not_say_so_is_refused_with_what_to_do(client: TestClient) -> None:
    for kind in (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": kind} if kind else {}
        for method, path in (
            ("POST", "/api/sessions"),
            ("POST", "/api/sessions/x/tokens"),
            ("PUT", "/api/avatars/x/mouth"),
        ):
            answer = client.request(method, path, content=b'{"role": "view"}', headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
            assert '"Content-Type: application/json"' in answer.json()["detail"]
    assert (
        client.post("/api/sessions/x/interrupt").json()["code"] == "no_such_session"
    )  # without a body, without a type


def test_pages_learn_what_faces_are_marked_with(tmp_path: Path) -> None:
    with TestClient(application(tmp_path, label=" Von KI erzeugt – ähnlich ", api_keys=("k",))) as client:
        site = client.get("/api/site").json()
        assert (site["label"], site["keys"]) == ("Von KI erzeugt – ähnlich", True)
        assert client.post("/whep/x").headers["lipwire-label"] == "Von%20KI%20erzeugt%20%E2%80%93%20%C3%A4hnlich"
