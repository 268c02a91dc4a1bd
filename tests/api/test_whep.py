"""``/whep`` as HTTP: every answer that it gives, over a session that lives; no network but for viewers who connect."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from app.api.auth import Gate
from app.api.ice_links import ice_links
from app.api.problems import MEDIA_TYPE
from app.api.server_messages import started
from app.api.tokens import Role
from app.api.whep import FRAGMENT, MAX_SDP_BYTES, PREFIX, SDP
from app.config import IceServer, Settings
from app.main import create_app
from app.sessions.service import Service
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest
from bench.fuzz_sdp import mutated_fragments

TURN = IceServer("turn:turn.example.org:3478?transport=udp", 'a "user"', "back\\slash; and, more")
CANDIDATE = "a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\n"
NEW_NAMES = "a=ice-ufrag:anew\r\na=ice-pwd:anewpasswordwith22letters\r\n"
MAX_VIEWERS = 3


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    settings = Settings(
        data_dir=tmp_path,
        engine="clapper",
        ice_servers=(IceServer("stun:127.0.0.1:1"), TURN),
        max_viewers=MAX_VIEWERS,
        token_secret="as long as a signature of 32 bytes wants",
    )
    service = Service(settings)
    await service.start()
    yield service
    await service.aclose()


@pytest.fixture
async def session(service: Service) -> Session:
    return await service.open(SessionRequest(engine="clapper"))


@pytest.fixture
async def client(service: Service, session: Session) -> AsyncIterator[httpx.AsyncClient]:
    """Asks with a view token, and as who has an offer."""
    transport = httpx.ASGITransport(create_app(service), raise_app_exceptions=False)
    headers = {"authorization": bearer(service, session.id), "content-type": SDP}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        yield client


def bearer(service: Service, session_id: str, role: Role = "view", ttl_s: float = 60) -> str:
    return f"Bearer {Gate(service.settings).tokens.issue(session_id, role, ttl_s).text}"


@pytest.fixture
async def player() -> AsyncIterator[RTCPeerConnection]:
    connection = RTCPeerConnection()
    for kind in ("audio", "video"):
        connection.addTransceiver(kind, "recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    yield connection
    await connection.close()


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["access-control-allow-origin"] == "*", "a page could not read why"


async def watch(client: httpx.AsyncClient, session: Session, offer: str) -> httpx.Response:
    answer = await client.post(PREFIX + session.id, content=offer)
    assert answer.status_code == 201, answer.text
    return answer


async def test_an_offer_is_answered_with_everything_that_a_player_reads(
    client: httpx.AsyncClient, session: Session, player: RTCPeerConnection
) -> None:
    answer = await watch(client, session, player.localDescription.sdp)
    assert answer.headers["content-type"] == SDP
    assert re.fullmatch(rf"/whep/{session.id}/[\w-]{{32}}", answer.headers["location"]), "a path nobody can guess"
    assert re.fullmatch(r'"\w+"', answer.headers["etag"])
    assert "a=candidate:" in answer.text and "a=end-of-candidates" in answer.text
    assert answer.headers["accept-patch"] == FRAGMENT
    stun, turn = answer.headers.get_list("link")
    assert stun == '<stun:127.0.0.1:1>; rel="ice-server"'
    assert turn == (
        '<turn:turn.example.org:3478?transport=udp>; rel="ice-server"; username="a \\"user\\""; '
        'credential="back\\\\slash; and, more"; credential-type="password"'
    )
    for name in ("location", "link", "etag"):
        assert name in answer.headers["access-control-expose-headers"].lower()


def test_a_server_that_no_header_can_say_is_left_out() -> None:
    assert ice_links([IceServer("turn:a:1", "Zoë", "x"), IceServer("turn:b:1", "x\r\nSet-Cookie: y", "z")]) == []


async def test_only_a_view_token_of_the_session_opens(
    client: httpx.AsyncClient, service: Service, session: Session, player: RTCPeerConnection
) -> None:
    for token, status, code in (
        ("", 401, "token_missing"),
        ("Bearer x", 401, "token_invalid"),
        (bearer(service, session.id, ttl_s=-1), 401, "token_expired"),
        (bearer(service, session.id, "feed"), 403, "token_not_for_this"),
        (bearer(service, "another"), 403, "token_not_for_this"),
    ):
        offer = player.localDescription.sdp
        answer = await client.post(PREFIX + session.id, content=offer, headers={"authorization": token})
        assert_problem(answer, status, code)
    gone = {"authorization": bearer(service, "gone")}
    assert_problem(await client.post(PREFIX + "gone", headers=gone), 404, "no_such_session")


@pytest.mark.parametrize(
    ("media_type", "status", "code"),
    [
        ("application/json", 415, "unsupported_media_type"),
        ("", 415, "unsupported_media_type"),
        ("Application/SDP; charset=utf-8", 422, "bad_sdp"),
    ],
)
async def test_a_post_is_refused_by_its_type(
    client: httpx.AsyncClient, session: Session, media_type: str, status: int, code: str
) -> None:
    answer = await client.post(PREFIX + session.id, content=b"v=0", headers={"content-type": media_type})
    assert_problem(answer, status, code)


@pytest.mark.parametrize(
    ("offer", "status", "code"),
    [
        (b"", 422, "bad_sdp"),
        (b"\xff\xfe", 422, "bad_sdp"),
        (b"v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", 422, "bad_sdp"),
        (b"v" * (MAX_SDP_BYTES + 1), 413, "body_too_large"),
    ],
)
async def test_a_body_that_is_no_offer_is_refused(
    client: httpx.AsyncClient, session: Session, offer: bytes, status: int, code: str
) -> None:
    assert_problem(await client.post(PREFIX + session.id, content=offer), status, code)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_other_methods_are_told_which_there_are(client: httpx.AsyncClient, session: Session, method: str) -> None:
    answer = await client.request(method, PREFIX + session.id)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert (await client.head(PREFIX + session.id)).status_code == 405
    if method in ("GET", "PUT"):
        answer = await client.request(method, f"{PREFIX}{session.id}/secret")
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "DELETE, OPTIONS, PATCH"


async def test_any_page_may_ask_before_it_watches(client: httpx.AsyncClient, session: Session) -> None:
    asking = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    endpoint = await client.options(PREFIX + session.id, headers=asking)
    resource = await client.options(f"{PREFIX}{session.id}/secret", headers=asking)
    for answer in (endpoint, resource):
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert {"POST", "PATCH", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))
        allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
        assert {"authorization", "content-type", "if-match"} <= set(allowed)
    assert endpoint.headers["accept-post"] == SDP and resource.headers["accept-patch"] == FRAGMENT


async def test_candidates_are_taken_with_and_without_an_etag(
    client: httpx.AsyncClient, session: Session, player: RTCPeerConnection
) -> None:
    answer = await watch(client, session, player.localDescription.sdp)
    path, etag = answer.headers["location"], answer.headers["etag"]
    for tags in ({}, {"if-match": etag}, {"if-match": f"W/{etag}"}, {"if-match": "*"}, {"if-match": etag.strip('"')}):
        fragment = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" + CANDIDATE.format(port=9)
        answer = await client.patch(path, content=fragment, headers={"content-type": FRAGMENT, **tags})
        assert (answer.status_code, answer.content) == (204, b"")
    stale = {"content-type": FRAGMENT, "if-match": '"older"'}
    assert_problem(
        await client.patch(path, content="a=end-of-candidates\r\n", headers=stale), 412, "ice_session_changed"
    )


@pytest.mark.parametrize(
    ("fragment", "media_type", "status", "code"),
    [
        (b"candidates", FRAGMENT, 422, "bad_sdp"),
        (b"a=candidate:1 1 udp\r\n", FRAGMENT, 422, "bad_sdp"),
        (b"a=ice-ufrag:a\r\n", FRAGMENT, 422, "bad_sdp"),
        (b"\xff", FRAGMENT, 422, "bad_sdp"),
        (b"a=x\r\n" * MAX_SDP_BYTES, FRAGMENT, 413, "body_too_large"),
        (b"v=0\r\n", SDP, 415, "unsupported_media_type"),
    ],
)
async def test_a_patch_that_is_no_fragment_is_refused(
    client: httpx.AsyncClient,
    session: Session,
    player: RTCPeerConnection,
    fragment: bytes,
    media_type: str,
    status: int,
    code: str,
) -> None:
    path = (await watch(client, session, player.localDescription.sdp)).headers["location"]
    answer = await client.patch(path, content=fragment, headers={"content-type": media_type})
    assert_problem(answer, status, code)


async def test_new_names_restart_ice_and_get_new_ones_back(
    client: httpx.AsyncClient, session: Session, player: RTCPeerConnection
) -> None:
    first = await watch(client, session, player.localDescription.sdp)
    path, headers = first.headers["location"], {"content-type": FRAGMENT, "if-match": "*"}
    restarted = await client.patch(path, content=NEW_NAMES, headers=headers)
    assert (restarted.status_code, restarted.headers["content-type"]) == (200, FRAGMENT)
    assert restarted.headers["etag"] != first.headers["etag"]
    assert re.findall("a=ice-ufrag:.*", restarted.text)[0] not in first.text
    assert "a=candidate:" in restarted.text and "a=end-of-candidates" in restarted.text
    later = {"content-type": FRAGMENT, "if-match": first.headers["etag"]}
    assert_problem(await client.patch(path, content=NEW_NAMES, headers=later), 412, "ice_session_changed")
    again = await client.patch(path, content=NEW_NAMES + CANDIDATE.format(port=9), headers=headers)
    assert again.status_code == 204, "the names are known by now"


async def test_a_viewer_who_left_is_not_found_any_more(
    client: httpx.AsyncClient, session: Session, player: RTCPeerConnection
) -> None:
    path = (await watch(client, session, player.localDescription.sdp)).headers["location"]
    assert_problem(await client.delete(path + "x"), 404, "no_such_viewer")
    elsewhere = path.replace(session.id, "other")
    assert_problem(await client.delete(elsewhere), 404, "no_such_viewer")
    assert (await client.delete(path)).status_code == 200
    await freed(session)
    assert_problem(await client.delete(path), 404, "no_such_viewer")
    fragment = {"content-type": FRAGMENT}
    assert_problem(await client.patch(path, content="a=end-of-candidates\r\n", headers=fragment), 404, "no_such_viewer")


async def freed(session: Session) -> None:
    async with asyncio.timeout(10):
        while session._viewers._viewers:
            await asyncio.sleep(0.02)


async def ended(client: httpx.AsyncClient, path: str) -> None:
    headers = {"content-type": FRAGMENT}
    async with asyncio.timeout(20):
        while (await client.patch(path, content="a=x:y\r\n", headers=headers)).status_code != 404:
            await asyncio.sleep(0.02)


async def test_it_ends_with_the_session(client: httpx.AsyncClient, session: Session, player: RTCPeerConnection) -> None:
    path = (await watch(client, session, player.localDescription.sdp)).headers["location"]
    await session.aclose()
    await ended(client, path)
    answer = await client.post(PREFIX + session.id, content=player.localDescription.sdp)
    assert_problem(answer, 409, "session_over")


async def test_it_ends_with_the_player(client: httpx.AsyncClient, session: Session, player: RTCPeerConnection) -> None:
    answer = await watch(client, session, player.localDescription.sdp)
    await player.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    async with asyncio.timeout(20):
        while player.connectionState != "connected":
            await asyncio.sleep(0.02)
    await player.close()
    await ended(client, answer.headers["location"])


async def test_who_never_connects_is_freed(
    client: httpx.AsyncClient, session: Session, player: RTCPeerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.rtc.viewer.CONNECT_TIMEOUT_S", 0.2)
    path = (await watch(client, session, player.localDescription.sdp)).headers["location"]
    await ended(client, path)
    await freed(session)


async def test_a_flood_of_offers_finds_an_end(
    client: httpx.AsyncClient, session: Session, player: RTCPeerConnection
) -> None:
    offer = player.localDescription.sdp
    asked = (client.post(PREFIX + session.id, content=offer) for _ in range(4 * MAX_VIEWERS))
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [201] * MAX_VIEWERS + [503] * 3 * MAX_VIEWERS
    assert len(session._viewers._viewers) == MAX_VIEWERS
    assert_problem(next(answer for answer in answers if answer.status_code == 503), 503, "too_many_viewers")
    path = next(answer for answer in answers if answer.status_code == 201).headers["location"]
    await client.delete(path)
    await watch(client, session, offer)


@pytest.mark.parametrize("damage", [("a=group:BUNDLE 0 1", "a=group:BUNDLE 7 8"), ("a=mid:1", "a=mid:0")])
async def test_an_offer_that_names_what_is_not_there_is_the_clients_fault(
    client: httpx.AsyncClient, session: Session, player: RTCPeerConnection, damage: tuple[str, str]
) -> None:
    offer = player.localDescription.sdp.replace(*damage)
    assert_problem(await client.post(PREFIX + session.id, content=offer), 422, "bad_sdp")


async def test_damaged_fragments_are_taken_or_refused(
    client: httpx.AsyncClient, session: Session, player: RTCPeerConnection
) -> None:
    answer = await watch(client, session, player.localDescription.sdp)
    statuses = set()
    for fragment in mutated_fragments(13, 60):
        sent = fragment.encode(errors="surrogatepass")
        patched = await client.patch(answer.headers["location"], content=sent, headers={"content-type": FRAGMENT})
        statuses.add(patched.status_code)
        assert patched.status_code in (200, 204, 404, 409, 422), patched.text
        if patched.status_code == 404:  # it had said that no more candidates come, and none could be used
            answer = await watch(client, session, player.localDescription.sdp)
    assert 204 in statuses and 422 in statuses


async def test_each_answer_holds_turn_credentials_of_its_own_session(tmp_path: Path, player: RTCPeerConnection) -> None:
    settings = Settings(
        data_dir=tmp_path,
        engine="clapper",
        ice_servers=(IceServer("turn:127.0.0.1:1"),),
        turn_secret="shared with coturn",
        token_secret="as long as a signature of 32 bytes wants",
    )
    service = Service(settings)
    await service.start()
    session = await service.open(SessionRequest(engine="clapper"))
    transport = httpx.ASGITransport(create_app(service), raise_app_exceptions=False)
    headers = {"authorization": bearer(service, session.id), "content-type": SDP}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        answer = await watch(client, session, player.localDescription.sdp)
        (link,) = answer.headers.get_list("link")
        assert re.search(rf'username="\d+:{session.id}-[0-9a-f]{{8}}"; credential="[\w+/=]+"', link)
    (told,) = started(session).ice_servers
    assert told.username is not None and f":{session.id}-" in told.username and told.credential
    await service.aclose()


async def test_who_does_not_connect_keeps_nobody_out_for_long(
    client: httpx.AsyncClient, session: Session, player: RTCPeerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = player.localDescription.sdp
    paths = [(await watch(client, session, offer)).headers["location"] for _ in range(MAX_VIEWERS)]
    assert_problem(await client.post(PREFIX + session.id, content=offer), 503, "too_many_viewers")
    monkeypatch.setattr("app.api.whep_viewers.SILENT_S", 0.0)
    await watch(client, session, offer)
    await ended(client, paths[0])
    for path in paths[1:]:
        assert (await client.delete(path)).status_code == 200, "the others stay"
