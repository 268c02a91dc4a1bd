"""WHIP push to servers on werift and libdatachannel, two WebRTC stacks of their own (``whip-receiver.mjs``)."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from app.config import Settings
from app.rtc.ice_network import IceNetwork
from app.rtc.push import PushFailed
from app.rtc.whip_client import WhipTarget
from app.rtc.whip_push import WhipPush
from app.sessions.output_target import OutputRequest
from app.sessions.outputs import OutputStatus
from app.sessions.service import Service
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest
from tests.e2e.test_connection import sockets, tasks_of_libraries
from tests.noise import Faults, Noise, believed
from tests.paths import ROOT

pytestmark = pytest.mark.realtime

LIMIT_S = 30
SILENT_S = 75  # until ICE finds that a server has gone without a word, and the next try
STACKS = ("werift", "node-datachannel")
TOKEN = "open-sesame"
RTP_MODULUS = 1 << 32


def node() -> str:
    """Return Node's path."""
    beside = Path(sys.executable).parent / "node"
    found = str(beside) if beside.exists() else shutil.which("node")
    if found is None or not all((ROOT / "node_modules" / each).is_dir() for each in STACKS):
        pytest.skip("Node, werift or node-datachannel is missing: run make lint, or npm ci")
    return found


class Receiver:
    """The server; started as often as a test wants, always on the same port."""

    def __init__(self, stack: str, codec: str) -> None:
        self._command = [node(), str(ROOT / "tests" / "e2e" / "whip-receiver.mjs"), stack]
        self.stack, self._codec = stack, codec
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self._port = taken.getsockname()[1]
        self._process: subprocess.Popen[str] | None = None

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def start(self) -> None:
        command = [*self._command, str(self._port), TOKEN, self._codec]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("listens")

    def kill(self) -> None:
        """End it without a word; again is fine."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    async def pushes(self) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(trust_env=False) as client:
            report = (await client.get(self.url("/report"))).json()
        found: list[dict[str, Any]] = report["pushes"]
        return found


@pytest.fixture
def receiver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # whatever proxy this machine has is not for its own servers
    made = Receiver(*getattr(request, "param", ("werift", "")))
    made.start()
    yield made
    made.kill()


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    service = Service(Settings(data_dir=tmp_path, engine="clapper"))
    await service.start()
    yield await service.open(SessionRequest(engine="clapper", mode="clip"))
    await service.aclose()


async def until(session: Session, id: str, wanted: Callable[[OutputStatus], bool], limit_s: float = LIMIT_S) -> None:
    async with asyncio.timeout(limit_s):
        while not wanted(session.outputs.find(id)):
            await asyncio.sleep(0.02)


def push_to(session: Session, receiver: Receiver, token: str = TOKEN) -> str:
    return session.outputs.add(OutputRequest("whip", receiver.url("/whip"), token)).id


async def test_one_offer_bundles_both_and_sends_only(session: Session, receiver: Receiver) -> None:
    await until(session, push_to(session, receiver), lambda now: now.state == "live")
    offer = (await receiver.pushes())[0]["offer"]
    sections = [line for line in offer.splitlines() if line.startswith("m=")]
    assert [line.split()[0] for line in sections] == ["m=audio", "m=video"]
    assert len({line.split()[1] for line in sections}) == 1, "one port for both"
    assert offer.count("a=sendonly") == 2 and offer.count("a=rtcp-mux") == 2 and "a=group:BUNDLE 0 1" in offer
    assert offer.count("a=setup:actpass") == 2
    names = [line.split(" ")[1].split("/")[0] for line in offer.splitlines() if line.startswith("a=rtpmap:")]
    assert set(names) == {"opus", "H264", "VP8", "rtx"} and names.index("H264") < names.index("VP8")


@pytest.mark.parametrize(
    ("receiver", "codec"),
    [(("werift", ""), "H264"), (("werift", "VP8"), "VP8"), (("libdatachannel", ""), "VP8")],
    indirect=["receiver"],
)
async def test_both_kinds_arrive_whole_on_one_clock(session: Session, receiver: Receiver, codec: str) -> None:
    async def once() -> dict[str, Any]:
        id = push_to(session, receiver)
        await until(session, id, lambda now: now.state == "live")
        await asyncio.sleep(5)
        push = (await receiver.pushes())[-1]
        await session.outputs.remove(id)
        assert (await receiver.pushes())[-1]["ended"], "it was deleted on the server"
        assert not session.media.pictures.watched
        return push

    def faults(push: dict[str, Any], noise: Noise) -> Faults:
        audio, video = push["audio"], push["video"]
        assert (audio["codec"], video["codec"]) == ("opus", codec)
        if receiver.stack == "werift":  # the other keeps sender reports to itself
            origins = [origin_s(heard, rate) for heard, rate in ((audio, 48_000), (video, 90_000))]
            # the tracks' reports are of one clock: their beginnings are whole packets apart
            apart = (origins[1] - origins[0]) / 0.02
            assert abs(apart - round(apart)) < 0.01 and abs(apart) < 50
        found: Faults = {}
        if video["keys"] < 3:
            found["keys"] = f"{video['keys']} key pictures, of one asked for each second"
        if audio["frames"] < 200 or video["frames"] < 100:
            found["few"] = f"{audio['frames']} packets, {video['frames']} pictures"
        steps = [{(b - a) % RTP_MODULUS for a, b in pairwise(heard["timestamps"])} for heard in (audio, video)]
        if steps != [{960}, {3600}] or audio["gaps"] or video["gaps"]:
            found["hole"] = f"steps of {steps}, {audio['gaps']} and {video['gaps']} gaps"
        return found

    await believed(once, faults)


def origin_s(heard: dict[str, Any], rate: int) -> float:
    """Return when a track's first packet is due by its sender reports, all of which must agree."""
    first = heard["timestamps"][0]
    found = [each["ntp_s"] - ((each["rtp"] - first) % RTP_MODULUS) / rate for each in heard["reports"]]
    assert len(found) >= 2 and max(found) - min(found) < 1e-3
    return float(found[0])


async def test_a_server_that_was_killed_and_started_again_is_pushed_to_again(
    session: Session, receiver: Receiver
) -> None:
    id = push_to(session, receiver)
    await until(session, id, lambda now: now.state == "live")
    await has_pictures(receiver, 0)
    receiver.kill()
    receiver.start()
    await until(session, id, lambda now: now.state == "live" and now.attempts > 1, SILENT_S)
    await has_pictures(receiver, 0)
    assert not session.over


async def test_a_wrong_token_is_told(session: Session, receiver: Receiver) -> None:
    id = push_to(session, receiver, "wrong")
    await until(session, id, lambda now: now.last_error is not None)
    now = session.outputs.find(id)
    assert now.last_error is not None and now.last_error.code == "refused" and "401" in now.last_error.message
    await session.outputs.remove(id)
    assert await receiver.pushes() == []


async def test_many_outputs_share_one_encoder(session: Session, receiver: Receiver) -> None:
    ids = [push_to(session, receiver) for _ in range(3)]
    for id in ids:
        await until(session, id, lambda now: now.state == "live")
    for number in range(3):
        await has_pictures(receiver, number)
    assert list(session.media.pictures._channels) == ["H264"] and list(session.media.voice._channels) == ["opus"]


@pytest.mark.parametrize("after_ms", range(0, 500, 25))
async def test_a_push_given_up_at_any_time_leaves_nothing_behind(
    session: Session, receiver: Receiver, after_ms: int
) -> None:
    before = sockets()
    push = WhipPush(session.media, IceNetwork(), WhipTarget(receiver.url("/whip"), TOKEN))
    pushing = asyncio.create_task(push.run(lambda: None))
    await asyncio.sleep(after_ms / 1000)
    pushing.cancel()
    await asyncio.wait({pushing})
    assert pushing.cancelled() and not session.media.pictures.watched
    async with asyncio.timeout(10):
        while tasks_of_libraries() or sockets() > before:
            await asyncio.sleep(0.05)


class Answerer:
    """A WHIP server without HTTP, whose answer lacks a line; in a WhipClient's place."""

    def __init__(self, lacks: str) -> None:
        self._lacks, self._peer = lacks, RTCPeerConnection()

    async def __aenter__(self) -> Answerer:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._peer.close()

    async def offer(self, sdp: str) -> str:
        await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        answer = self._peer.localDescription.sdp.splitlines(keepends=True)
        return "".join(line for line in answer if not line.startswith(self._lacks))


@pytest.mark.parametrize(
    "line", ["v=", "m=video", "a=mid:0", "a=mid:1", "a=group", "a=ice-ufrag", "a=fingerprint", "a=rtpmap"]
)
async def test_an_answer_that_lacks_a_line_ends_one_try_in_order(
    session: Session, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr("app.rtc.whip_push.CONNECT_S", 1)
    monkeypatch.setattr("app.rtc.whip_push.WhipClient", lambda target, reach: Answerer(line))
    before = sockets()
    pushing = asyncio.create_task(
        WhipPush(session.media, IceNetwork(), WhipTarget("http://host/whip", None)).run(lambda: None)
    )
    await asyncio.wait({pushing}, timeout=4)
    if not pushing.done():  # it could do without
        pushing.cancel()
    with pytest.raises((PushFailed, asyncio.CancelledError)) as ended:
        await pushing
    if isinstance(ended.value, PushFailed):
        assert ended.value.code in ("bad_answer", "not_connected", "connection_lost")
    async with asyncio.timeout(10):
        while tasks_of_libraries() or sockets() > before:
            await asyncio.sleep(0.05)


async def has_pictures(receiver: Receiver, push: int) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            pushes = await receiver.pushes()
            if len(pushes) > push and pushes[push].get("video", {}).get("frames", 0) > 10:
                return
            await asyncio.sleep(0.1)
