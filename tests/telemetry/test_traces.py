"""Traces of real sessions' starts, sent to a real collector."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import websockets
from aiortc import RTCPeerConnection, RTCSessionDescription

from app.config import SettingsError
from app.errors import Refusal
from app.telemetry import make_tracing
from app.telemetry.exported import ExportedTracing
from app.tracing import START, UNTRACED, Tracing, following
from tests.client import Client
from tests.paths import ROOT
from tests.server import Server
from tests.telemetry.collector import Collector, Span

SECRET = "s3cret-s3cret"
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SOUND = (np.sin(np.arange(16_000) / 5) * 8000).astype(np.int16).tobytes()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        patch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")  # its spans would hold paths and queries: they stay off
        server = Server.start(tmp_path_factory.mktemp("traced"), traces="1", api_keys=SECRET)
    yield server
    assert server.stop() in (0, -15)


def of(collector: Collector, trace: str) -> dict[str, Span]:
    return {span.name: span for span in collector.spans if span.trace == trace}


@pytest.mark.realtime
async def test_a_start_on_the_socket_is_one_trace_with_every_step(traced: Server, collector: Collector) -> None:
    async with Client(traced.ws_url) as client:
        started = await client.start(engine="clapper", mode="clip", sample_rate=16_000, key=SECRET)
        await client.connect()
        await client.socket.send(SOUND)
        await client.say("flush")
        (whole,) = await asyncio.to_thread(collector.wait_for, "session start")
    facts = {"lipwire.session": started["session"], "lipwire.engine": "clapper", "lipwire.mode": "clip"}
    assert {name: fact for name, fact in whole.facts.items() if name != "lipwire.key"} == facts
    assert (whole.service, whole.parent, whole.failed) == ("lipwire", "", False)
    steps = of(collector, whole.trace)
    order = ["avatar", "admission", "offer", "connect", "first sound", "first frame rendered", "first frame sent"]
    assert set(steps) == {"session start", *order}
    for name in order:
        step = steps[name]
        assert step.parent == whole.id and whole.begun_ns <= step.begun_ns <= step.ended_ns <= whole.ended_ns, name
    ends = [steps[name].ended_ns for name in order if name not in ("first sound", "first frame rendered")]
    assert ends == sorted(ends)
    assert steps["first sound"].ended_ns == steps["first frame rendered"].begun_ns
    assert steps["first frame rendered"].ended_ns == steps["first frame sent"].begun_ns


@pytest.mark.realtime
async def test_a_callers_trace_goes_on_over_http_and_whep(traced: Server, collector: Collector) -> None:
    carried = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    async with httpx.AsyncClient(base_url=traced.url, trust_env=False) as client:
        key = {"Authorization": f"Bearer {SECRET}", **carried}
        while (await client.get("/healthz")).json()["sessions"]:  # one that is alone is let in on any machine
            await asyncio.sleep(0.05)
        made = (await client.post("/api/sessions", json={"engine": "clapper", "mode": "clip"}, headers=key)).json()
        peer = RTCPeerConnection()
        for kind in ("audio", "video"):
            peer.addTransceiver(kind, direction="recvonly")
        await peer.setLocalDescription(await peer.createOffer())
        answer = await client.post(
            f"/whep/{made['id']}",
            content=peer.localDescription.sdp,
            headers={"Content-Type": "application/sdp", "Authorization": f"Bearer {made['view']['token']}", **carried},
        )
        assert answer.status_code == 201
        await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await asyncio.to_thread(collector.wait_for, "connect", 2)
        async with websockets.connect(made["feed"]["url"]) as feed:
            await feed.send(
                json.dumps(
                    {"type": "attach", "session": made["id"], "token": made["feed"]["token"], "sample_rate": 16_000}
                )
            )
            await feed.send(SOUND)
            await feed.send(json.dumps({"type": "flush"}))
            await asyncio.to_thread(collector.wait_for, "first frame sent", 2)
            await asyncio.to_thread(collector.wait_for, "session start", 2)
        await peer.close()
    steps = of(collector, TRACE)
    assert set(steps) == {
        "session start", "avatar", "admission", "watch", "offer", "connect",
        "first sound", "first frame rendered", "first frame sent",
    }  # fmt: skip
    assert steps["session start"].parent == steps["watch"].parent == CALLER
    assert steps["offer"].parent == steps["connect"].parent == steps["watch"].id
    assert steps["watch"].facts["lipwire.session"] == made["id"]


@pytest.mark.realtime
async def test_a_refused_start_says_why_and_no_trace_holds_a_secret(traced: Server, collector: Collector) -> None:
    async with httpx.AsyncClient(base_url=traced.url, trust_env=False) as client:
        refused = await client.post(
            f"/api/sessions?token={SECRET}",
            json={"engine": "clapper", "avatar": "nobody\n"},
            headers={"Authorization": f"Bearer {SECRET}", "traceparent": "nonsense"},
        )
    assert refused.json()["code"] == "no_such_avatar"
    (avatar,) = [span for span in await asyncio.to_thread(collector.wait_for, "avatar", 3) if span.failed]
    assert avatar.facts["error.type"] == "no_such_avatar"
    await asyncio.to_thread(lambda: [span for span in collector.wait_for("session start", 3) if span.failed])
    sent = b"".join(collector.bodies)
    assert SECRET.encode() not in sent and b"eyJ" not in sent and b"nobody" not in sent


@pytest.mark.realtime
@pytest.mark.parametrize("connects", [False, True])
async def test_a_collector_that_is_not_there_or_says_nothing_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connects: bool
) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1] if connects else 9
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    server = Server.start(tmp_path, traces="1")
    try:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            for _ in range(5):
                made = await client.post("/api/sessions", json={"engine": "clapper"})
                assert made.status_code == 201
                assert (await client.delete(f"/api/sessions/{made.json()['id']}")).status_code == 204
    finally:
        begun = time.monotonic()
        assert server.stop() in (0, -15)
        silent.close()
    assert time.monotonic() - begun < 10
    assert "died" not in server.log.read_text()


def test_what_waits_for_a_collector_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "50")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    tracing = ExportedTracing()
    tracing.start()
    for _ in range(5000):
        tracing.begin("session start", {}).end()
    assert tracing._provider is not None
    (processor,) = tracing._provider._active_span_processor._span_processors
    assert len(processor._batch_processor._queue) <= 50  # type: ignore[attr-defined]
    asyncio.run(tracing.aclose())


def test_off_it_imports_nothing_and_traces_nothing() -> None:
    code = (
        "import sys; from app.main import create_app; from app.config import Settings;"
        "from app.sessions.service import Service; create_app(Service(Settings()));"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
    assert make_tracing(False).begin("session start", {"traceparent": f"00-{TRACE}-{CALLER}-01"}) is UNTRACED


def test_without_the_extra_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "app.telemetry.exported")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"LIPWIRE_TRACES .*lipwire-server\[telemetry\]"):
        make_tracing(True)


def test_what_ends_in_an_error_ends_once() -> None:
    with pytest.raises(Refusal), following(Tracing().begin("session start", {})) as trace:
        assert START.get() is trace
        with trace.step("avatar"):
            raise Refusal("no_such_avatar", "")
    START.set(UNTRACED)
