"""The Caddyfile, in Debian's Caddy, before a real server: TLS, the page, the socket, watching, a drain."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import websockets

from app.clock import MonotonicClock
from bench.whep_guest import WhepGuest
from tests.paths import ROOT
from tests.server import Server

pytestmark = pytest.mark.realtime

CADDYFILE = ROOT / "deploy" / "Caddyfile"
KEY = "a key of more than thirty-two letters"
START_S, GOODBYE_S = 20, 10


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@dataclass
class Site:
    """What a visitor has: an address, and a root certificate that they trust."""

    url: str
    trust: ssl.SSLContext
    server: Server


@pytest.fixture
def caddy() -> str:
    found = shutil.which("caddy")
    if found is None:
        pytest.skip("Caddy is missing: apt-get install caddy")
    return found


@pytest.fixture
def site(caddy: str, tmp_path: Path) -> Iterator[Site]:
    https = free_port()
    url = f"https://localhost:{https}"
    server = Server.start(
        tmp_path, "--engine", "clapper", public_url=url, trusted_proxies="127.0.0.1", api_keys=KEY, drain_s="5"
    )
    config = tmp_path / "Caddyfile"
    ports = f"{{\n\tskip_install_trust\n\thttp_port {free_port()}\n\thttps_port {https}\n"
    config.write_text(CADDYFILE.read_text().replace("{\n", ports, 1))
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "SITE": "localhost", "UPSTREAM": server.url[7:]}
    root = tmp_path / "caddy/pki/authorities/local/root.crt"
    with (tmp_path / "caddy.log").open("w") as log:
        process = subprocess.Popen([caddy, "run", "--config", config], env=environment, stdout=log, stderr=log)
    try:
        until = time.monotonic() + START_S
        while not (root.is_file() and answers(https)):
            assert process.poll() is None and time.monotonic() < until, (tmp_path / "caddy.log").read_text()
            time.sleep(0.1)
        yield Site(url, ssl.create_default_context(cafile=str(root)), server)
    finally:
        process.terminate()
        process.wait(GOODBYE_S)
        if server.process.poll() is None:
            server.stop()


def answers(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def test_caddy_understands_it(caddy: str) -> None:
    checked = subprocess.run(
        [caddy, "validate", "--adapter", "caddyfile", "--config", str(CADDYFILE)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


async def test_a_visitor_finds_everything_behind_it(site: Site) -> None:
    bearer = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=site.url, verify=site.trust, trust_env=False, timeout=20) as visitor:
        page = await visitor.get("/")
        assert page.status_code == 200 and "<title>" in page.text
        assert "caddy" not in page.headers.get("server", "").lower()
        assert (await visitor.get("/readyz")).json()["ready"]
        assert (await visitor.get("/metrics")).status_code == 404, "metrics are not for visitors"
        made = (await visitor.post("/api/sessions", json={}, headers=bearer)).json()
        assert made["view"]["watch"].startswith(f"{site.url}/watch/"), "links lead to the site"
        assert made["feed"]["url"] == site.url.replace("https", "wss") + "/ws"
        async with websockets.connect(made["feed"]["url"], ssl=site.trust, origin=site.url) as feeder:  # type: ignore[arg-type]
            await feeder.send(json.dumps({"type": "attach", "session": made["id"], "token": made["feed"]["token"]}))
            assert json.loads(await feeder.recv())["type"] == "started"
            guest = WhepGuest(visitor, MonotonicClock())
            await guest.watch(made["view"]["whep"], made["view"]["token"])
            await guest.leave()
            site.server.process.terminate()
            while (said := json.loads(await feeder.recv()))["type"] != "draining":
                assert said["type"] != "error"
            assert (await visitor.post("/api/sessions", json={}, headers=bearer)).status_code == 503
            await visitor.delete(f"/api/sessions/{made['id']}", headers=bearer)
    assert site.server.process.wait(15) == 0
