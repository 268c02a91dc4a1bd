"""deploy/nginx.conf in Debian's nginx: what carries a reference goes to its stage, all else to the front."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import websockets

from app.api.astray import ASK_FRONT
from app.clock import MonotonicClock
from bench.whep_guest import WhepGuest
from tests.deploy.one_name import KEY, OneName, need_nginx, wait_until
from tests.server import Server

pytestmark = pytest.mark.realtime

BEARER = {"Authorization": f"Bearer {KEY}"}
SOUND = (np.sin(np.arange(24_000) / 5) * 8000).astype(np.int16).tobytes()  # half a second at 48 kHz
FORGED = "0123456789abcdef01234567.Zm9yZ2Vk"
MIB = 2**20


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneName]:
    need_nginx()
    made = OneName(tmp_path_factory.mktemp("nginx"))
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def small_site(tmp_path: Path) -> Iterator[OneName]:
    """One with a stage of its own, for those who break it."""
    made = OneName(tmp_path)
    try:
        made.start(stages=1)
        yield made
    finally:
        made.close()


def open_session(site: OneName, stage: Server, **wish: Any) -> dict[str, Any]:
    """Make a session as the front does: at a stage, and known by its reference."""
    made: dict[str, Any] = httpx.post(
        f"{stage.url}/api/sessions", json={"engine": "clapper", **wish}, headers=BEARER, trust_env=False
    ).json()
    site.front.owners[made["id"]] = stage.url
    return made


def visitor(site: OneName) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=site.url, verify=site.trust, trust_env=False, timeout=20)


def feed_url(site: OneName, reference: str) -> str:
    return f"wss://localhost:{site.port}/ws?session={reference}"


async def attach(feeder: websockets.ClientConnection, made: dict[str, Any]) -> None:
    wish = {"type": "attach", "session": made["id"], "token": made["feed"]["token"], "sample_rate": 48_000}
    await feeder.send(json.dumps(wish))
    assert json.loads(await feeder.recv())["type"] == "started"


def test_nginx_understands_it(tmp_path: Path) -> None:
    said = OneName(tmp_path).checked()
    assert "[warn]" not in said, said


async def test_a_voice_and_its_viewers_come_to_the_stage_that_owns_them(site: OneName) -> None:
    made = [open_session(site, stage, mode="agent") for stage in site.stages]
    async with visitor(site) as http:
        for each, stage in zip(made, site.stages, strict=True):
            async with websockets.connect(feed_url(site, each["id"]), ssl=site.trust, proxy=None) as feeder:
                await attach(feeder, each)
                guest = WhepGuest(http, MonotonicClock())
                await guest.watch(f"{site.url}/whep/{each['id']}", each["view"]["token"])
                await feeder.send(SOUND)
                await feeder.send(json.dumps({"type": "flush"}))
                while (said := json.loads(await feeder.recv())).get("state") != "finished":
                    assert said["type"] != "error", said
                assert said["played_ms"] >= 500
                await guest.leave()
            told = (await http.get(f"/api/sessions/{each['id']}", headers=BEARER)).json()
            assert told["played_ms"] >= 500
            told = (await http.get(f"{stage.url}/api/sessions/{each['id']}", headers=BEARER)).json()
            assert told["played_ms"] >= 500
            assert site.front.asked.count(f"owner {each['id']}") == 1, "the answer is kept"
            assert (await http.delete(f"/api/sessions/{each['id']}", headers=BEARER)).status_code == 204


async def test_all_else_goes_to_the_front_and_the_inside_stays_inside(site: OneName) -> None:
    site.front.asked.clear()
    async with visitor(site) as http:
        for path in ("/", "/watch/abc", "/api/sessions", "/api/avatars", "/healthz"):
            assert (await http.get(path)).json()["code"] == "no_such_session", "it is what the stand-in says to all"
        await http.post(f"/api/sessions/{FORGED}/revival", json={})
        assert site.front.asked[-1] == f"POST /api/sessions/{FORGED}/revival", "nobody is asked who owned it"
        async with websockets.connect(f"wss://localhost:{site.port}/ws?api=1", ssl=site.trust, proxy=None) as plain:
            assert json.loads(await plain.recv())["type"] == "front"
        count = len(site.front.asked)
        inside = ["/internal/owner?ref=x", "/internal/else", "/-/routes", "/-/healthz", "/metrics"]
        inside += [
            "//internal//owner?ref=x",
            "/whep/../internal/owner?ref=x",
            "/x/%2e%2e/internal/owner",
            "/x/..%2f-/x",
        ]
        for path in inside:
            refused = await asyncio.to_thread(ask, site, f"GET {path}")
            assert refused.startswith(b"HTTP/1.1 404 ") and b'"not_found"' in refused, (path, refused)
        assert site.front.asked[count:] == []


async def test_a_forged_reference_leads_nowhere_but_to_the_front(site: OneName) -> None:
    with Trap() as trap:
        forged = [
            FORGED,
            FORGED[:-3],
            f"127.0.0.1:{trap.port}",
            f"http:%2f%2f127.0.0.1:{trap.port}",
            f"x@127.0.0.1:{trap.port}",
            "%00",
            "a" * 300,
            f"x%0d%0aX-Lipwire-Owner:%20http:%2f%2f127.0.0.1:{trap.port}",
        ]
        lies = {"X-Lipwire-Owner": trap.url, "X-Original-URI": trap.url, "Upgrade": "h2c"}
        async with visitor(site) as http:
            for each in forged:
                for path in (f"/whep/{each}", f"/api/sessions/{each}", f"/api/sessions/{each}/recording"):
                    refused = await http.get(path, headers=lies)
                    assert refused.status_code in (400, 404), (path, refused.text)
                refused = await http.get(f"/ws?session={each}", headers=lies)
                assert refused.status_code in (400, 404), (each, refused.text)
            # nor where the front itself is wrong about it
            for wrong in (
                f"http://localhost:{trap.port}",
                f"http://169.254.169.254:{trap.port}",
                f"http://127.0.0.1:{trap.port}@127.0.0.1:{trap.port}",
                f"http://127.0.0.1:{trap.port}/path",
                f"gopher://127.0.0.1:{trap.port}",
                "http://8.8.8.8:8100",
            ):
                site.front.owners[wrong_reference := f"wrong{abs(hash(wrong))}"] = wrong
                assert (await http.get(f"/whep/{wrong_reference}")).status_code == 404
        assert trap.visitors == 0
        # and the trap is one
        site.front.owners["right"] = trap.url
        async with visitor(site) as http:
            await http.get("/whep/right")
        assert trap.visitors == 1


async def test_a_stage_that_is_dead_is_answered_for(small_site: OneName) -> None:
    site = small_site
    made = open_session(site, site.stages[0])
    async with visitor(site) as http:
        assert (await http.get(f"/api/sessions/{made['id']}", headers=BEARER)).status_code == 200
        site.stages[0].process.kill()
        site.stages[0].process.wait()
        # the front knows more: it gets the request with its body
        told = await http.post(f"/whep/{made['id']}", content=b"v=0" * 9000)
        assert (told.status_code, told.json()["code"]) == (404, "no_such_session")
        assert site.front.asked[-1] == f"POST /whep/{made['id']}" and site.front.bodies[-1] == b"27000"
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(feed_url(site, made["id"]), ssl=site.trust, proxy=None)
        check_away(refused.value.response.status_code, refused.value.response.headers, refused.value.response.body)
        site.front.stop()
        for path in (f"/whep/{made['id']}", "/", "/whep/never-heard-of"):
            away = await http.get(path)
            check_away(away.status_code, away.headers, away.content)


def check_away(status: int, headers: Any, body: bytes | bytearray) -> None:
    assert status == 503 and headers["content-type"] == "application/problem+json" and int(headers["retry-after"]) <= 5
    assert json.loads(body)["code"] == "server_away"


async def test_sessions_go_on_while_no_front_answers(small_site: OneName) -> None:
    site = small_site
    made = open_session(site, site.stages[0])
    async with websockets.connect(feed_url(site, made["id"]), ssl=site.trust, proxy=None) as feeder:
        await attach(feeder, made)
    site.front.stop()
    async with visitor(site) as http:
        for _ in range(5):
            assert (await http.get(f"/api/sessions/{made['id']}", headers=BEARER)).status_code == 200
    async with websockets.connect(feed_url(site, made["id"]), ssl=site.trust, proxy=None) as feeder:
        await attach(feeder, made)


async def test_media_go_on_without_nginx_and_feeders_come_back_through_another(small_site: OneName) -> None:
    site = small_site
    made = open_session(site, site.stages[0])
    async with visitor(site) as http:
        guest = WhepGuest(http, MonotonicClock())
        await guest.watch(f"{site.url}/whep/{made['id']}", made["view"]["token"])
        async with websockets.connect(feed_url(site, made["id"]), ssl=site.trust, proxy=None) as feeder:
            await attach(feeder, made)
            site.kill_nginx()
            with pytest.raises(websockets.ConnectionClosed):
                while True:
                    await feeder.recv()
        seen = len(guest.receiver.pictures)
        async with asyncio.timeout(60):
            while len(guest.receiver.pictures) < seen + 25:
                await asyncio.sleep(0.1)
        site.start_nginx()
        async with websockets.connect(feed_url(site, made["id"]), ssl=site.trust, proxy=None) as feeder:
            await attach(feeder, made)
        await guest.leave()


async def test_a_stage_that_does_not_read_holds_the_sender(site: OneName) -> None:
    """The inbox takes ten seconds of sound; what was sent beyond that waits in kernels and a few KB of nginx."""
    made = open_session(site, site.stages[0], mode="clip", hold_until_viewer=True)
    sent, chunk = 0, bytes(MIB)
    async with websockets.connect(feed_url(site, made["id"]), ssl=site.trust, proxy=None, compression=None) as feeder:
        await attach(feeder, made)
        while sent < 256 * MIB:
            try:
                async with asyncio.timeout(5):
                    await feeder.send(chunk)
            except TimeoutError:
                break
            sent += len(chunk)
        print(f"held after {sent / MIB:.0f} MiB")
        assert sent < 32 * MIB
        await asyncio.sleep(3)  # and it stays so, with the connection
        assert (await asyncio.to_thread(alive, site, made)).status_code == 200
    # a process that stands still holds it just so
    site.stages[1].process.send_signal(signal.SIGSTOP)
    try:
        site.front.owners["still"] = site.stages[1].url
        taken = await asyncio.to_thread(pour, site, "still")
        print(f"held after {taken / MIB:.1f} MiB")
        assert taken < 16 * MIB
    finally:
        site.stages[1].process.send_signal(signal.SIGCONT)


def alive(site: OneName, made: dict[str, Any]) -> httpx.Response:
    return httpx.get(f"{site.url}/api/sessions/{made['id']}", headers=BEARER, verify=site.trust, trust_env=False)


def pour(site: OneName, reference: str) -> int:
    """Shake hands and send without waiting for an answer, until nothing is taken for two seconds; returns how much."""
    headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    with connection(site) as tls:
        tls.settimeout(2)
        tls.sendall(f"GET /ws?session={reference} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n{headers}\r\n".encode())
        sent = 0
        try:
            while sent < 64 * MIB:
                sent += tls.send(bytes(65_536))
        except TimeoutError:
            return sent
        return sent


@contextmanager
def connection(site: OneName) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(("127.0.0.1", site.port)) as plain,
        site.trust.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        yield tls


@pytest.mark.parametrize("upload", ["/api/avatars", "/api/avatars/preview"])
async def test_an_upload_goes_on_as_it_comes(site: OneName, upload: str) -> None:
    begun = threading.Event()
    site.front.on_bytes = lambda count: begun.set() if count >= 65_536 else None
    loop = asyncio.get_running_loop()

    async def body() -> Any:
        for number in range(4):
            yield bytes(65_536)
            if number == 1:
                came = await loop.run_in_executor(None, begun.wait, 10)
                assert came, "nginx keeps it"

    async with visitor(site) as http:
        length = {"Content-Length": str(4 * 65_536)}
        assert (await http.post(upload, content=body(), headers=length)).status_code == 404
        assert site.front.bodies[-1] == str(4 * 65_536).encode()
        for path, count in (
            (upload, 111 * MIB),
            ("/api/sessions", 2 * MIB),
            ("/whep/x", MIB),
        ):
            large = await asyncio.to_thread(ask, site, f"POST {path}", f"Content-Length: {count}\r\n")
            assert large.startswith(b"HTTP/1.1 413 ") and b'"body_too_large"' in large, (path, large)


def ask(site: OneName, line: str, headers: str = "") -> bytes:
    """Ask by a request's line as it stands, and return what is answered."""
    with connection(site) as tls:
        tls.settimeout(10)
        tls.sendall(f"{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n".encode())
        said = b""
        while not said.endswith(b"}") and (chunk := tls.recv(65_536)):
            said += chunk
        return said


async def test_what_clients_say_of_themselves_is_dropped(site: OneName) -> None:
    lies = {"X-Forwarded-For": "203.0.113.1", "X-Forwarded-Proto": "http"}
    async with visitor(site) as http:
        await http.get("/api/engines", headers=lies)
    assert site.front.headers["x-forwarded-for"] == "127.0.0.1" and site.front.headers["x-forwarded-proto"] == "https"
    assert site.front.headers["host"] == f"localhost:{site.port}"


def test_clients_get_http_2(site: OneName) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is missing: apt-get install curl")
    command = [
        curl,
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_version}",
        "--http2",
        "--cacert",
        str(site.folder / "cert.pem"),
    ]
    done = subprocess.run([*command, "--noproxy", "*", f"{site.url}/"], capture_output=True, text=True)
    assert done.stdout == "2", done


async def test_who_floods_is_told_when_to_come_again(site: OneName) -> None:
    """Far beyond a page's requests; the others wait, and nobody sees nginx's own page."""
    async with visitor(site) as http:
        limits = asyncio.Semaphore(150)

        async def visit() -> httpx.Response:
            async with limits:
                return await http.get("/api/engines")

        begun = time.monotonic()
        answers = await asyncio.gather(*(visit() for _ in range(600)))
        seconds = time.monotonic() - begun
    passed = sum(answer.status_code == 404 for answer in answers)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert passed + len(refused) == len(answers) and passed <= 310 + 60 * seconds
    for answer in refused:
        assert answer.json()["code"] == "too_many_connections" and answer.headers["retry-after"]


class Handing(BaseHTTPRequestHandler):
    """A stage that stands where another one died: it has nginx ask a front."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(307)
        for name, value in {"Location": "https://x/", "Content-Length": "0", **ASK_FRONT}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *said: object) -> None:
        """Say nothing."""


async def test_a_stage_hands_a_request_to_the_front_with_its_method_and_body(site: OneName) -> None:
    with HTTPServer(("127.0.0.1", 0), Handing) as stage:
        threading.Thread(target=stage.serve_forever, name="stage", daemon=True).start()
        site.front.owners["handed"] = f"http://127.0.0.1:{stage.server_port}"
        async with visitor(site) as http:
            told = await http.post("/whep/handed", content=bytes(5000))
        stage.shutdown()
    assert told.json()["code"] == "no_such_session", "the front's word"
    assert (site.front.asked[-1], site.front.bodies[-1]) == ("POST /whep/handed", b"5000")


class Trap:
    """Counts who connects, and answers nothing."""

    def __enter__(self) -> Trap:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.2)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.visitors, self._over = 0, False
        self._thread = threading.Thread(target=self._accept, name="trap")
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over = True
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._over:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.visitors += 1
            connection.close()


def test_the_trap_sees_who_comes() -> None:
    with Trap() as trap:
        socket.create_connection(("127.0.0.1", trap.port)).close()
        wait_until(lambda: trap.visitors == 1, "nobody came")
