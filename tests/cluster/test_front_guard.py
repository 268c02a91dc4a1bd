"""What a client of a front may have, behind Serve's own server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.access.key import make_text
from app.api.doorkeeper import VISITOR, VISITORS
from app.cluster.front_guard import BODY_BYTES, UPLOAD_BYTES, guarded
from app.config import Settings
from tests.cluster.fronts import Front, front

SERVES = ("127.0.0.1", 50_000)  # as it is where somebody of this machine is connected to Serve's own server


class Seen:
    """An application that notes whose its requests are, and reads their bodies; it answers while ``gate`` is open."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.bodies: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.hosts.append(scope["client"][0])
        await self.gate.wait()
        read = 0
        while scope["type"] == "http":
            message = await receive()
            read += len(message.get("body", b""))
            if not message.get("more_body", False):
                break
        self.bodies.append(read)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})


async def asked(
    app: Any,
    client: tuple[str, int],
    *pieces: bytes,
    headers: dict[str, str] | None = None,
    ends: bool = True,
    **more: Any,
) -> list[Message]:
    """Send a request as Serve hands it on, in pieces; returns what is answered."""
    said = [(name.encode(), text.encode()) for name, text in (headers or {}).items()]
    scope = {"type": "http", "method": "POST", "path": "/x", "raw_path": b"/x", "query_string": b"", **more}
    scope |= {"headers": said, "client": client, "scheme": "http", "http_version": "1.1"}
    waiting: list[Message] = [{"type": "http.request", "body": each, "more_body": True} for each in pieces]
    if waiting and ends:
        waiting[-1] = {**waiting[-1], "more_body": False}
    elif ends:
        waiting = [{"type": "http.request", "body": b"", "more_body": False}]
    answered: list[Message] = []

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()  # nothing comes
        return waiting.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    await app(scope, receive, send)
    return answered


def address(app: Seen) -> str:
    return app.hosts[-1]


@pytest.mark.parametrize("said", ["192.0.2.7", "192.0.2.7:99", "9.9.9.9, 192.0.2.7"])
async def test_what_serve_believes_of_this_machine_is_taken_back(said: str) -> None:
    port = 99 if ":" in said else 0  # as its uvicorn reads it
    seen = Seen()
    await asked(guarded(seen, Settings()), ("192.0.2.7", port), headers={"x-forwarded-for": said})
    assert address(seen) == "127.0.0.1"


@pytest.mark.parametrize(
    ("trusted", "client", "said", "meant"),
    [
        ("127.0.0.1", ("192.0.2.7", 0), "192.0.2.7", "192.0.2.7"),  # nginx on this machine
        ("::1", ("192.0.2.7", 0), "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", SERVES, "", "127.0.0.1"),
        ("10.0.0.2", ("10.0.0.2", 4000), "192.0.2.7", "192.0.2.7"),  # nginx on another
        ("10.0.0.2", ("10.0.0.2", 4000), "9.9.9.9, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.2", ("192.0.2.7", 0), "192.0.2.7", "127.0.0.1"),  # a program of this machine, which nobody trusts
        ("10.0.0.2", ("203.0.113.5", 4000), "192.0.2.7", "203.0.113.5"),  # a stranger
        ("", ("203.0.113.5", 4000), "192.0.2.7", "203.0.113.5"),
    ],
)
async def test_trusted_proxies_alone_are_believed(trusted: str, client: tuple[str, int], said: str, meant: str) -> None:
    seen = Seen()
    settings = Settings(trusted_proxies=(trusted,) if trusted else ())
    await asked(guarded(seen, settings), client, headers={"x-forwarded-for": said} if said else {})
    assert address(seen) == meant


async def test_an_address_has_so_many_requests_at_once_and_others_have_theirs() -> None:
    seen = Seen()
    seen.gate.clear()
    app = guarded(seen, Settings(max_connections_per_address=2))
    waiting = [asyncio.create_task(asked(app, ("203.0.113.5", port))) for port in (1, 2)]
    await asyncio.sleep(0)
    refused = await asked(app, ("203.0.113.5", 3))
    assert refused[0]["status"] == 503 and b"too_many_connections" in refused[1]["body"]
    other = asyncio.create_task(asked(app, ("203.0.113.6", 1)))
    seen.gate.set()
    assert [each[0]["status"] for each in await asyncio.gather(*waiting, other)] == [200, 200, 200]
    assert (await asked(app, ("203.0.113.5", 3)))[0]["status"] == 200


async def test_a_socket_that_is_refused_is_answered_as_asgi_wants_it() -> None:
    app = guarded(Seen(), Settings(max_connections_per_address=1))
    waiting = asyncio.create_task(asked(app, SERVES, ends=False))
    await asyncio.sleep(0)
    full = await asked(app, SERVES, type="websocket")
    waiting.cancel()
    long = await asked(guarded(Seen(), Settings()), SERVES, type="websocket", headers={"x": "x" * 17_000})
    for refused, status in ((full, 503), (long, 400)):
        assert [each["type"] for each in refused] == ["websocket.http.response.start", "websocket.http.response.body"]
        assert refused[0]["status"] == status


async def test_all_together_have_so_many_requests_at_once() -> None:
    seen = Seen()
    seen.gate.clear()
    app = guarded(seen, Settings(max_connections=2))
    waiting = [asyncio.create_task(asked(app, (f"203.0.113.{number}", 1))) for number in (1, 2)]
    await asyncio.sleep(0)
    assert (await asked(app, ("203.0.113.3", 1)))[0]["status"] == 503
    seen.gate.set()
    await asyncio.gather(*waiting)


async def test_whoever_asks_too_often_waits_and_a_trusted_proxy_asks_for_nobody() -> None:
    seen = Seen()
    many = 10_000
    settings = Settings(trusted_proxies=("10.0.0.2",), max_connections_per_address=many, max_connections=many)
    app = guarded(seen, settings)
    loop = asyncio.get_running_loop()
    begun_s, at_once = loop.time(), VISITOR.at_once + VISITORS.at_once
    flood = [asyncio.create_task(asked(app, ("203.0.113.5", port))) for port in range(900)]
    await asyncio.sleep(0.2)
    assert len(seen.bodies) <= at_once + 1 + (VISITOR.per_s + VISITORS.per_s) * (loop.time() - begun_s)
    assert sum(task.done() for task in flood) < len(flood)
    for number in range(900):
        await asked(app, ("10.0.0.2", number))
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)


async def test_a_head_has_a_bound() -> None:
    seen = Seen()
    refused = await asked(guarded(seen, Settings()), SERVES, headers={"x": "x" * 17_000})
    assert refused[0]["status"] == 400 and not seen.hosts
    refused = await asked(guarded(seen, Settings()), SERVES, raw_path=b"/" + b"x" * 17_000)
    assert refused[0]["status"] == 400 and not seen.hosts


async def test_a_body_has_a_bound_whether_it_is_announced_or_not() -> None:
    seen = Seen()
    app = guarded(seen, Settings())
    announced = await asked(app, SERVES, b"x", headers={"content-length": str(BODY_BYTES + 1)})
    assert announced[0]["status"] == 413 and not seen.hosts
    assert (b"connection", b"close") in announced[0]["headers"]
    piece = bytes(64 * 1024)
    flood = await asked(app, SERVES, *[piece] * 40, headers={"transfer-encoding": "chunked"})
    assert flood[0]["status"] == 413 and flood[-1]["more_body"] is False
    assert sum(each["type"] == "http.response.start" for each in flood) == 1 and seen.bodies[-1] <= BODY_BYTES
    assert (await asked(app, SERVES, *[piece] * 10))[0]["status"] == 200
    upload = {"content-length": str(UPLOAD_BYTES)}
    assert (await asked(app, SERVES, *[piece] * 40, headers=upload, path="/api/avatars"))[0]["status"] == 200


async def test_a_body_that_does_not_come_is_waited_for_no_longer() -> None:
    seen = Seen()
    app = guarded(seen, Settings(header_timeout_s=0.2))
    async with asyncio.timeout(10):
        slow = await asked(app, SERVES, b"{", headers={"content-length": "60000"}, ends=False)
    assert slow[0]["status"] == 408 and slow[-1]["more_body"] is False
    assert (b"connection", b"close") in slow[0]["headers"]


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[Front]:
    with front(tmp_path, api_keys=make_text(), max_connections_per_address=1000) as served:
        yield served


def guess(served: Front, client: tuple[str, int], said: str) -> str:
    """Try a key from somewhere; returns the code of the refusal."""
    served.client._transport.client = client
    headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": said}
    return str(served.client.get("/api/sessions", headers=headers).json()["code"])


def test_who_guesses_keys_is_who_is_connected_whatever_they_say(keyed: Front) -> None:
    codes = [guess(keyed, ("203.0.113.5", 5), f"192.0.2.{number}") for number in range(12)]
    assert codes[0] == "key_invalid" and codes[-1] == "too_many_wrong_keys"
    assert guess(keyed, ("203.0.113.6", 5), "") == "key_invalid"


def test_a_program_of_this_machine_gets_no_other_address_to_guess_from(keyed: Front) -> None:
    # Serve's own server has read the header
    codes = [guess(keyed, (f"192.0.2.{number}", 0), f"192.0.2.{number}") for number in range(12)]
    assert codes[0] == "key_invalid" and codes[-1] == "too_many_wrong_keys"
