"""The front's doors: sessions that are placed, requests that are sent on, and all that is as at the plain service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient

from app.access.caller import Caller
from app.access.key import id_of, make_text, sum_of
from app.access.keys_file import KeyEntry, change_entries
from app.clock import wall_clock
from app.cluster.card import Card, PlaceCard, SessionCard
from app.cluster.lobby import Lobby
from app.cluster.placing import NoPlace
from app.cluster.whereabouts import CARDS_NS, Whereabouts
from app.recordings.recording_info import RecordingInfo
from tests.cluster.fronts import BARE, SEALS, SITE, Front, LocalDirectory, front, made, ref, url_of
from tests.cluster.placer import refused

OTHER = "f" * 24


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Front]:
    """A front that wants no keys, before one stage."""
    with front(tmp_path, [made()], [made("b", OTHER)]) as served:
        served.hear("a")
        yield served


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_session_is_made_where_there_is_room(plain: Front) -> None:
    answer = plain.client.post("/api/sessions", json={"engine": "clapper", "max_duration_s": 60})
    assert answer.status_code == 201 and answer.json()["id"] == ref()
    assert answer.headers["location"] == f"/api/sessions/{ref()}"
    wish = plain.placer.wishes[0]
    assert (wish["kind"], wish["site"]) == ("session", SITE)
    assert wish["request"]["engine"] == "clapper" and wish["request"]["lifetime"]["max_duration_s"] == 60


def test_a_full_cluster_says_when_to_come_again(tmp_path: Path) -> None:
    with front(tmp_path, [NoPlace()], [refused("no_such_avatar")]) as served:
        answer = served.client.post("/api/sessions")
        assert (answer.status_code, answer.json()["code"]) == (503, "server_full")
        assert answer.headers["content-type"] == "application/problem+json" and int(answer.headers["retry-after"]) > 0
        assert served.client.post("/api/sessions").json()["code"] == "no_such_avatar"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", "/interrupt"),
        ("DELETE", "/recording"),
        ("POST", "/outputs"),
        ("DELETE", "/outputs/1"),
    ],
)
def test_what_is_about_a_session_is_sent_to_its_stage(plain: Front, method: str, path: str) -> None:
    plain.hear("a", BARE)
    answer = plain.client.request(method, f"/api/sessions/{ref()}{path}?x=1")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{url_of('a')}/api/sessions/{ref()}{path}?x=1"
    assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(("stage_says", "front_says"), [(204, 204), (404, 404), (500, 307)])
def test_the_end_of_a_session_is_asked_for_by_the_front_as_a_closed_page_follows_nowhere(
    stage_says: int, front_says: int, tmp_path: Path
) -> None:
    key = make_text()
    id = keep_key(tmp_path, key)
    with front(tmp_path, answer=lambda request: httpx.Response(stage_says)) as served:
        served.hear("a", BARE, owner=id)
        answer = served.client.delete(f"/api/sessions/{BARE}", headers=bearer(key))
        assert answer.status_code == front_says
        (asked,) = served.asked
        assert (asked.method, str(asked.url.copy_with(query=None))) == ("DELETE", f"{url_of('a')}/api/sessions/{ref()}")
        assert served.gate._passes.read(asked.url.params["pass"], BARE).caller == id
        assert served.client.delete(f"/api/sessions/{BARE}").json()["code"] == "key_missing" and len(served.asked) == 1


@pytest.mark.parametrize(
    ("error", "said"), [(httpx.ConnectTimeout, (307, None)), (httpx.ReadTimeout, (503, "session_moving"))]
)
def test_a_session_whose_stage_says_nothing_may_have_ended_or_not(
    error: type[httpx.TransportError], said: tuple[int, str | None], tmp_path: Path
) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise error("")

    with front(tmp_path, answer=silent) as served:
        served.hear("a", BARE)
        answer = served.client.delete(f"/api/sessions/{ref()}")
        assert (answer.status_code, answer.json()["code"] if answer.content else None) == said


def test_a_recording_is_sent_for_with_a_pass_even_where_no_key_is_wanted(plain: Front) -> None:
    location = plain.client.get(f"/api/sessions/{ref()}/recording?x=1").headers["location"]
    assert location.startswith(f"{url_of('a')}/api/sessions/{ref()}/recording?x=1&pass=")


def test_a_session_that_no_card_names_is_sent_to_whom_its_seal_names(plain: Front) -> None:
    assert plain.client.get(f"/api/sessions/{ref()}").headers["location"].startswith(url_of("a"))
    plain.directory.away = True
    unheard = plain.client.get(f"/api/sessions/{ref(stage='unheard')}")
    assert unheard.headers["location"].startswith(url_of("unheard"))


def test_a_session_that_has_moved_is_found_by_its_old_name_and_by_its_bare_id(plain: Front) -> None:
    plain.hear("b", BARE)
    for name in (ref(), BARE):
        answer = plain.client.get(f"/api/sessions/{name}")
        assert answer.headers["location"] == f"{url_of('b')}/api/sessions/{ref(stage='b')}"


def test_a_session_between_two_stages_is_asked_for_again_in_a_second(plain: Front) -> None:
    plain.hear("a", BARE)
    plain.hear("a", draining=True)
    answer = plain.client.get(f"/api/sessions/{ref()}")
    assert (answer.status_code, answer.json()["code"]) == (503, "session_moving")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("name", [f"{BARE}.forged", "nonsense", f"{BARE}.", BARE])
def test_a_name_that_nobody_gave_is_not_found(plain: Front, name: str) -> None:
    answer = plain.client.get(f"/api/sessions/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_session")


def test_an_ended_session_is_not_found_and_its_recording_is_looked_for_here(plain: Front) -> None:
    plain.hear("a", BARE)
    plain.hear("a")
    assert plain.client.get(f"/api/sessions/{ref()}").json()["code"] == "no_such_session"
    plain.directory.own.leave("a", died=False)
    plain.hear("b")
    assert plain.client.get(f"/api/sessions/{ref()}/recording").json()["code"] == "no_recording"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_a_stage_has_recorded_and_not_put_into_the_store_is_asked_of_it(plain: Front, method: str) -> None:
    plain.hear("a", BARE)
    plain.hear("a")
    path = f"/api/sessions/{ref()}/recording"
    sent = plain.client.request(method, path)
    assert sent.status_code == 307 and sent.headers["location"].startswith(url_of("a") + path)
    put_recording(plain.lobby, BARE)
    assert plain.client.request(method, path).status_code in (200, 204)


def put_recording(lobby: Lobby, session: str) -> None:
    """Let a stage put a recording into the store."""
    store = lobby.recordings._store
    store.path(session).parent.mkdir(parents=True, exist_ok=True)
    store.path(session).write_bytes(b"a film")
    store.note(RecordingInfo(session, "default", "2030-11-22T10:00:00Z", state="done"))


def test_a_viewer_is_sent_on_with_a_pass_for_what_they_may(plain: Front) -> None:
    token = plain.gate.tokens.issue(BARE, "view", 60).text
    offer = {"Content-Type": "application/sdp", **bearer(token)}
    answer = plain.client.post(f"/whep/{ref()}", content="v=0", headers={**offer, "Origin": "https://anywhere.example"})
    assert answer.status_code == 307 and answer.headers["access-control-allow-origin"] == "*"
    to = urlsplit(answer.headers["location"])
    assert (f"{to.scheme}://{to.netloc}", to.path) == (url_of("a"), f"/whep/{ref()}")
    proof = parse_qs(to.query)["pass"][0]
    assert token not in answer.headers["location"]
    assert plain.gate._passes.read(proof, BARE).role == "view"
    assert plain.client.post(f"/whep/{ref()}", content="v=0").json()["code"] == "token_missing"
    wrong = plain.gate.tokens.issue(BARE, "feed", 60).text
    assert plain.client.post(f"/whep/{ref()}", headers=bearer(wrong)).json()["code"] == "token_not_for_this"


def test_a_viewers_own_path_is_sent_on_as_it_is_and_a_browsers_question_answered_here(plain: Front) -> None:
    assert plain.client.delete(f"/whep/{ref()}/secret").headers["location"] == f"{url_of('a')}/whep/{ref()}/secret"
    asked = plain.client.options(
        f"/whep/{ref()}", headers={"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}
    )
    assert asked.status_code == 204 and asked.headers["access-control-allow-origin"] == "*"


def test_another_sites_page_makes_no_session(plain: Front) -> None:
    answer = plain.client.post("/api/sessions", headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert plain.client.get("/", headers={"Host": "evil.example"}).json()["code"] == "host_not_allowed"


def test_pages_may_connect_to_stages_and_nowhere_else(plain: Front) -> None:
    for path in ("/", f"/watch/{ref()}"):
        answer = plain.client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"].split("; ")
        assert "connect-src 'self' http://*.example:*" in policy


def test_it_is_ready_where_a_stage_is_that_does_not_drain(tmp_path: Path) -> None:
    with front(tmp_path) as served:
        assert served.client.get("/readyz").json() == {"ready": False, "why": "no_stage"}
        assert served.client.get("/healthz").json()["sessions"] == 0
    with front(tmp_path) as served:
        served.hear("a", BARE)
        served.hear("b", OTHER, draining=True)
        assert served.client.get("/readyz").status_code == 200
        assert served.client.get("/healthz").json()["sessions"] == 2
        stages = served.client.get("/api/stages").json()["stages"]
        assert [(stage["id"], stage["sessions"], stage["draining"]) for stage in stages] == [
            ("a", 1, False),
            ("b", 1, True),
        ]
        figures = served.client.get("/metrics").text
        assert "lipwire_stages 2.0" in figures and "lipwire_cluster_sessions 2.0" in figures


def test_what_is_no_sessions_is_as_at_the_plain_service(plain: Front) -> None:
    for path in ("/docs", "/api/avatars", "/api/avatars/default/image", "/api/engines", "/api/site", "/openapi.json"):
        assert plain.client.get(path).status_code == 200, path
    paths = plain.client.get("/openapi.json").json()["paths"]
    assert {"/api/sessions", "/api/sessions/{id}", "/api/sessions/{id}/revival", "/api/stages"} <= set(paths)


def test_all_stages_are_asked_for_the_list_and_one_that_is_silent_is_left_out(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "a.example":
            raise httpx.ConnectError("gone")
        listed = [{"id": ref(stage="b"), "created_at": f"2026-11-22T10:00:0{number}Z"} for number in (2, 1)]
        return httpx.Response(200, json={"sessions": listed})

    with front(tmp_path, answer=answer) as served:
        served.hear("a", BARE)
        served.hear("b", OTHER)
        sessions = served.client.get("/api/sessions").json()["sessions"]
    assert [session["created_at"][-2] for session in sessions] == ["1", "2"]
    assert {request.url.host for request in served.asked} == {"a.example", "b.example"}


def test_where_all_have_one_name_nobody_is_sent_in_circles(tmp_path: Path) -> None:
    listed = httpx.Response(200, json={"sessions": []})
    with front(tmp_path, answer=lambda request: listed, stage_url=SITE) as served:
        served.hear("a", inner="http://192.0.2.7:8100")
        answer = served.client.get(f"/api/sessions/{ref()}")
        assert (answer.status_code, answer.json()["code"]) == (503, "session_moving")
        served.client.get("/api/sessions")
        assert [request.url.host for request in served.asked] == ["192.0.2.7"]


def test_a_proxy_is_told_where_the_stage_of_a_reference_listens(tmp_path: Path) -> None:
    with front(tmp_path, trusted_proxies="192.0.2.9", stage_url=SITE) as served:
        own = TestClient(served.client.app, client=("192.0.2.9", 1))
        told = own.get("/internal/owner", params={"ref": ref()})
        assert (told.status_code, told.headers["x-lipwire-owner"]) == (204, SEALS.open(ref()).url)
        assert "x-lipwire-owner" not in own.get("/internal/owner", params={"ref": BARE + ".forged"}).headers
        assert served.client.get("/internal/owner", params={"ref": ref()}).status_code == 404


def keep_key(folder: Path, text: str, **quotas: float) -> str:
    entry = KeyEntry(id=id_of(sum_of(text)), name="ann", sha256=sum_of(text), added=wall_clock(), **quotas)  # type: ignore[arg-type]
    change_entries(folder / "keys.json", lambda known: [entry])
    return entry.id


def test_a_key_opens_the_front_and_goes_along_as_a_pass(tmp_path: Path) -> None:
    key = make_text()
    id = keep_key(tmp_path, key)
    with front(tmp_path, [made()], answer=lambda request: httpx.Response(200, json={"sessions": []})) as served:
        served.hear("a", BARE)
        assert served.client.get(f"/api/sessions/{ref()}").json()["code"] == "key_missing"
        assert served.client.post("/api/sessions").json()["code"] == "key_missing"
        sent = served.client.get(f"/api/sessions/{ref()}", headers=bearer(key)).headers["location"]
        assert key not in sent
        proof = parse_qs(urlsplit(sent).query)["pass"][0]
        assert served.gate._passes.read(proof, BARE).caller == id
        assert served.client.get("/api/sessions", headers=bearer(key)).status_code == 200
        assert served.gate._passes.read(served.asked[0].url.params["pass"], "").caller == id
        assert served.client.get("/api/stages", headers=bearer(key)).json()["code"] == "key_not_for_this"


def test_a_quota_counts_over_all_stages(tmp_path: Path) -> None:
    key = make_text()
    id = keep_key(tmp_path, key, sessions=2, minutes=10)
    with front(tmp_path, [made("b", OTHER)]) as served:
        served.hear("a", BARE, owner=id, minutes={id: 4.0})
        served.hear("b", minutes={id: 5.0})
        assert served.client.post("/api/sessions", headers=bearer(key)).status_code == 201
        refusal = served.client.post("/api/sessions", headers=bearer(key))
        assert (refusal.status_code, refusal.json()["code"]) == (429, "quota_sessions")
    with front(tmp_path) as served:
        served.hear("a", minutes={id: 4.0})
        served.hear("b", minutes={id: 6.0})
        assert served.client.post("/api/sessions", headers=bearer(key)).json()["code"] == "quota_minutes"


ROUTES = [
    ("GET", "/api/sessions/{}"),
    ("DELETE", "/api/sessions/{}"),
    ("POST", "/api/sessions/{}/interrupt"),
    ("GET", "/api/sessions/{}/recording"),
    ("DELETE", "/api/sessions/{}/recording"),
    ("GET", "/api/sessions/{}/outputs"),
    ("DELETE", "/whep/{}/secret"),
    ("PATCH", "/whep/{}/secret"),
]


@pytest.mark.parametrize("alive", [True, False], ids=["its stage lives", "its stage has left"])
def test_who_has_no_right_learns_nothing_of_a_session(tmp_path: Path, alive: bool) -> None:
    anns, bobs = make_text(), make_text()
    entries = [
        KeyEntry(id=id_of(sum_of(text)), name=name, sha256=sum_of(text), added=wall_clock())
        for name, text in (("ann", anns), ("bob", bobs))
    ]
    change_entries(tmp_path / "keys.json", lambda known: entries)
    ann = entries[0].id
    living, ended, moving, lost, never = (digit * 24 for digit in "12345")

    with front(tmp_path, max_connections_per_address=10_000) as served:
        served.hear("c", lost, owner=ann)
        served.directory.own.leave("c", died=True)
        served.hear("d", moving, owner=ann)
        served.directory.own.leave("d", died=False)
        served.hear("b", living, ended, owner=ann)
        served.hear("b", living, owner=ann)
        if alive:
            served.hear("a")

        def told(method: str, path: str, name: str) -> tuple[int, str, str]:
            headers = {} if path.startswith("/whep") else bearer(bobs)
            answer = served.client.request(method, path.format(name), headers=headers)
            location = answer.headers.get("location", "").partition("?pass=")[0]
            return answer.status_code, *(text.replace(name, "NAME") for text in (location, answer.text))

        for method, path in ROUTES:
            for seal in ("a", "d", ""):
                names = [ref(each, seal) if seal else each for each in (living, ended, moving, lost, never)]
                answers = {told(method, path, name) for name in names}
                assert len(answers) == 1, (method, path, answers)
        own = served.client.get(f"/api/sessions/{ref(living)}", headers=bearer(anns))
        assert own.headers["location"].startswith(f"{url_of('b')}/api/sessions/{ref(living, 'b')}")
        assert served.client.get(f"/api/sessions/{ref(moving)}", headers=bearer(anns)).status_code == 503


def test_places_that_are_kept_count_and_none_counts_twice(tmp_path: Path) -> None:
    key = make_text()
    id = keep_key(tmp_path, key, sessions=2)
    place = {"place": {"url": "ws://a.example:8100/ws?place=ticket", "id": "p1"}}
    with front(tmp_path, [place], [made("b", OTHER)]) as served:

        def start() -> str:
            with served.client.websocket_connect("ws://localhost/ws") as socket:
                socket.send_text(f'{{"type":"start","key":"{key}"}}')
                answer = socket.receive_json()
                return str(answer.get("code", answer["type"]))

        assert start() == "elsewhere"
        served.hear("a", kept=(PlaceCard(id="p1", owner=id), PlaceCard(id="p2", owner=id)))  # one is another front's
        assert start() == "quota_sessions"
        served.hear("a", kept=(PlaceCard(id="p1", owner=id),))
        assert served.lobby.shared_owners.sessions_of(id) == 2  # until the card is read
        session = SessionCard(bare=BARE, ref=ref(), owner=id, place="p1")
        served.hear("a", held=(session,))  # who came with it has it now
        assert served.client.post("/api/sessions", headers=bearer(key)).status_code == 201
        assert start() == "quota_sessions"


def test_an_address_has_so_many_sessions_on_all_stages_together(tmp_path: Path) -> None:
    place = {"place": {"url": "ws://a.example:8100/ws?place=ticket", "id": "p1"}}
    with front(tmp_path, [made()], [place], [made("b", OTHER)], max_sessions_per_address=3) as served:

        def ask() -> str:
            answer = served.client.post("/api/sessions")
            return str(answer.json().get("code", answer.status_code))

        away = SessionCard(bare="9" * 24, ref=ref("9" * 24, "b"), address="203.0.113.5")
        served.hear("b", held=(away, SessionCard(bare="8" * 24, ref=ref("8" * 24, "b"), address="testclient")))
        assert ask() == "201"
        with served.client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_text('{"type":"start"}')
            assert socket.receive_json()["type"] == "elsewhere"
        assert ask() == "too_many_sessions_here"
        with served.client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_text('{"type":"start"}')
            assert socket.receive_json()["code"] == "too_many_sessions_here"
        here = SessionCard(bare=BARE, ref=ref(), address="testclient")
        served.hear("a", held=(here, SessionCard(bare="7" * 24, ref=ref("7" * 24), place="p1", address="testclient")))
        assert ask() == "too_many_sessions_here"
        served.hear("b", held=(away,))
        assert ask() == "201"


def test_who_has_left_makes_room_before_a_card_says_so(tmp_path: Path) -> None:
    key = make_text()
    id = keep_key(tmp_path, key, sessions=1)
    place = {"place": {"url": "ws://a.example:8100/ws?place=ticket", "id": "p1"}}
    with front(tmp_path, [made()], [made("b", OTHER)], [place], [place], max_sessions_per_address=1) as served:

        def ask() -> str:
            return str(served.client.post("/api/sessions", headers=bearer(key)).json().get("code", "made"))

        def start() -> str:
            with served.client.websocket_connect("ws://localhost/ws") as socket:
                socket.send_text(f'{{"type":"start","key":"{key}"}}')
                answer = socket.receive_json()
                return str(answer.get("code", answer["type"]))

        def all_leave() -> None:
            assert served.client.portal is not None
            served.client.portal.call(served.placer.end_all)

        assert ask() == "made"
        served.hear("a", held=(SessionCard(bare=BARE, ref=ref(), owner=id, address="testclient"),))
        assert ask() == "too_many_sessions_here"
        all_leave()
        assert ask() == "made"
        served.hear("a", held=(SessionCard(bare=OTHER, ref=ref(OTHER), owner=id, address="testclient"),))
        all_leave()
        assert start() == "too_many_sessions_here", "what has ended was elsewhere: this one has moved"
        served.hear("a")
        assert start() == "elsewhere"
        named = SessionCard(bare=BARE, ref=ref(), owner=id, place="p1", address="testclient")
        served.hear("a", held=(named,), kept=(PlaceCard(id="p1", owner=id, address="testclient"),))
        assert start() == "too_many_sessions_here"
        all_leave()
        assert start() == "elsewhere"


def test_minutes_of_a_stage_that_has_left_stay_used(tmp_path: Path) -> None:
    key = make_text()
    id = keep_key(tmp_path, key, minutes=10)
    with front(tmp_path) as served:
        served.hear("a", minutes={id: 10.0})
        served.directory.own.leave("a", died=False)
        served.hear("b")
        assert served.client.post("/api/sessions", headers=bearer(key)).json()["code"] == "quota_minutes"
        served.directory.away = True
        assert served.client.post("/api/sessions", headers=bearer(key)).json()["code"] == "quota_minutes"


def test_minutes_of_a_stage_that_has_left_outlive_the_directory_and_count_once(tmp_path: Path) -> None:
    key = make_text()
    id = keep_key(tmp_path, key, minutes=10)
    with front(tmp_path, [made()]) as served:

        def used() -> float:
            served.client.post("/api/sessions", headers=bearer(key))
            return served.lobby.shared_owners.used_minutes(id)

        served.hear("a", minutes={id: 6.0})
        served.hear("b", minutes={id: 5.0})
        assert used() == 11.0
        served.directory.own.leave("a", died=False)
        served.directory.restart()
        served.hear("b", minutes={id: 5.0})
        assert used() == 11.0
        served.hear("a", minutes={id: 6.5})  # another stage at the address goes on from there
        assert used() == 11.5


async def test_a_front_that_begins_later_learns_what_was_used_before_and_tells_it_on() -> None:
    directory = LocalDirectory()
    left = Card(stage="a", url=url_of("a"), places=8, minutes={"ann": 10.0}, at=wall_clock().timestamp())
    directory.own.note(left)
    directory.own.leave("a", died=False)
    whereabouts = Whereabouts(directory, SEALS, directory.clock)
    assert await whereabouts.minutes() == {"ann": 10.0}
    directory.restart()
    directory.clock.time_ns += CARDS_NS
    assert await whereabouts.minutes() == {"ann": 10.0}
    assert directory.own.told().minutes == {"ann": 10.0}


def test_a_pass_for_the_list_is_for_nothing_else(plain: Front) -> None:
    everything = plain.gate.pass_for("", caller=Caller("ann"))
    with pytest.raises(Exception, match="another session"):
        plain.gate._passes.read(everything, BARE)
