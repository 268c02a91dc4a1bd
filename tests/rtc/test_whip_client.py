"""WHIP's HTTP side against a real HTTP server that answers as a test asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from app.rtc.checked_connect import output_reach
from app.rtc.push import PushFailed
from app.rtc.whip_client import ANSWER_BYTES, LONGEST_RETRY_AFTER_S, MOST_REDIRECTS, WhipClient, WhipTarget

HERE = output_reach(private=True)

Answer = Callable[["Request"], None]


class Endpoint(ThreadingHTTPServer):
    """Answers by path; keeps what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, str | None, bytes]] = []
        self._thread = Thread(target=self.serve_forever, args=(0.01,), name="endpoint")
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Request(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.asked.append((self.command, self.path, self.headers["Authorization"], body))
        self.server.answers[self.path](self)

    do_DELETE = do_POST

    def log_message(self, format: str, *args: object) -> None:
        pass


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    def respond(request: Request) -> None:
        request.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return respond


TAKEN = answer(201, b"v=0 answer", Content_Type="application/sdp; charset=utf-8", Location="/resource/1")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # whatever proxy this machine has is not for its own servers
    started = Endpoint()
    yield started
    started.close()


async def failure(target: WhipTarget) -> PushFailed:
    with pytest.raises(PushFailed) as failed:
        async with WhipClient(target, HERE) as client:
            await client.offer("v=0 offer")
    assert failed.value.message.endswith(".")
    return failed.value


async def test_an_offer_is_posted_and_what_it_made_is_deleted(endpoint: Endpoint) -> None:
    endpoint.answers = {"/whip": TAKEN, "/resource/1": answer(200)}
    async with WhipClient(WhipTarget(endpoint.url("/whip"), "secret"), HERE) as client:
        assert await client.offer("v=0 offer") == "v=0 answer"
        assert len(endpoint.asked) == 1
    assert endpoint.asked == [
        ("POST", "/whip", "Bearer secret", b"v=0 offer"),
        ("DELETE", "/resource/1", "Bearer secret", b""),
    ]


async def test_without_a_token_none_is_sent_and_an_endpoint_without_location_is_not_deleted(endpoint: Endpoint) -> None:
    endpoint.answers = {"/whip": answer(201, b"v=0", Content_Type="application/sdp")}
    async with WhipClient(WhipTarget(endpoint.url("/whip"), None), HERE) as client:
        await client.offer("v=0")
    assert [(method, token) for method, _, token, _ in endpoint.asked] == [("POST", None)]


async def test_a_server_that_does_not_hear_the_goodbye_does_no_harm(endpoint: Endpoint) -> None:
    endpoint.answers = {"/whip": TAKEN, "/resource/1": lambda request: request.connection.close()}
    async with WhipClient(WhipTarget(endpoint.url("/whip"), None), HERE) as client:
        await client.offer("v=0")


@pytest.mark.parametrize("status", [307, 308])
async def test_redirects_are_followed_with_the_token(endpoint: Endpoint, status: int) -> None:
    endpoint.answers = {
        "/whip": answer(status, Location="/elsewhere"),
        "/elsewhere": TAKEN,
        "/resource/1": answer(200),
    }
    async with WhipClient(WhipTarget(endpoint.url("/whip"), "t"), HERE) as client:
        await client.offer("v=0")
    assert [asked[:3] for asked in endpoint.asked[:2]] == [
        ("POST", "/whip", "Bearer t"),
        ("POST", "/elsewhere", "Bearer t"),
    ]


async def test_another_server_gets_the_offer_but_not_the_token(endpoint: Endpoint) -> None:
    other = Endpoint()
    try:
        endpoint.answers = {"/whip": answer(307, Location=other.url("/whip"))}
        other.answers = {"/whip": TAKEN, "/resource/1": answer(200)}
        async with WhipClient(WhipTarget(endpoint.url("/whip"), "t"), HERE) as client:
            await client.offer("v=0")
        assert [(method, token) for method, _, token, _ in other.asked] == [("POST", None), ("DELETE", None)]
    finally:
        other.close()


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/", "/whip"])
async def test_redirects_have_an_end(endpoint: Endpoint, location: str) -> None:
    endpoint.answers = {"/whip": answer(307, Location=location)}
    failed = await failure(WhipTarget(endpoint.url("/whip"), None))
    assert failed.code == "bad_answer" and failed.refused and len(endpoint.asked) <= MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    ("status", "code", "is_final"),
    [
        (301, "refused", True),
        (400, "refused", True),
        (401, "refused", True),
        (403, "refused", True),
        (404, "refused", True),
        (406, "refused", True),
        (408, "busy", False),
        (409, "busy", False),
        (429, "busy", False),
        (500, "server_error", False),
        (503, "server_error", False),
        (200, "refused", True),
    ],
)
async def test_what_an_answer_means(endpoint: Endpoint, status: int, code: str, is_final: bool) -> None:
    endpoint.answers = {"/whip": answer(status)}
    failed = await failure(WhipTarget(endpoint.url("/whip"), None))
    assert (failed.code, failed.refused) == (code, is_final) and str(status) in failed.message


@pytest.mark.parametrize(
    ("said", "waits_s"), [("7", 7), ("9999", LONGEST_RETRY_AFTER_S), ("-5", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0)]
)
async def test_a_server_may_say_when_to_come_back(endpoint: Endpoint, said: str, waits_s: float) -> None:
    endpoint.answers = {"/whip": answer(503, Retry_After=said)}
    assert (await failure(WhipTarget(endpoint.url("/whip"), None))).retry_after_s == waits_s


@pytest.mark.parametrize(
    "bad",
    [
        answer(201, b"<html>", Content_Type="text/html"),
        answer(201),
        answer(201, bytes(ANSWER_BYTES + 1), Content_Type="application/sdp"),
    ],
)
async def test_what_is_no_answer_is_not_taken_for_one(endpoint: Endpoint, bad: Answer) -> None:
    endpoint.answers = {"/whip": bad}
    assert (await failure(WhipTarget(endpoint.url("/whip"), None))).code == "bad_answer"


async def test_a_server_that_is_not_there_is_unreachable(endpoint: Endpoint) -> None:
    failed = await failure(WhipTarget("http://127.0.0.1:1/whip", None))
    assert failed.code == "unreachable" and not failed.refused
