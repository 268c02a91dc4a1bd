"""Keys and a real server: what its log says, and the command that changes them while it runs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets

from tests.paths import ROOT
from tests.server import Serve, Server

pytestmark = pytest.mark.realtime
SECRET = "hunter2hunter2hunter2"
LIMIT_S = 10


def keys(folder: Path, *arguments: str) -> str:
    """Run ``lipwire keys`` on a server's folder; returns what it prints for programs."""
    environment = {**os.environ, "LIPWIRE_DATA_DIR": str(folder / "data")}
    command = [sys.executable, "-m", "app", "--log-level", "warning", "keys", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def status(server: Server, key: str) -> int:
    request = urllib.request.Request(server.url + "/api/sessions", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def server(folder: Path, serve: Serve) -> Iterator[Server]:
    keys(folder, "add", "First")
    command = (sys.executable, "-m", "app", "--log-level", "debug")
    with serve(folder, command=command, engine="clapper", api_keys=SECRET) as started:
        yield started


async def started(server: Server, message: dict[str, str], **headers: str) -> websockets.ClientConnection:
    url = server.ws_url
    while True:
        socket = await websockets.connect(url, additional_headers=headers)
        await socket.send(json.dumps({"type": "start", **message}))
        answer = json.loads(await socket.recv())
        if answer["type"] != "elsewhere":
            break
        url = answer["url"]
        await socket.close()
    assert answer["type"] == "started"
    return socket


async def test_no_key_is_in_the_log_however_much_it_says(server: Server) -> None:
    await (await started(server, {"key": SECRET})).close()
    await (await started(server, {}, Authorization=f"Bearer {SECRET}")).close()
    assert status(server, SECRET) == 200 and status(server, SECRET + "!") == 401
    log = server.log.read_text()
    assert "opened" in log and SECRET not in log


async def test_a_key_is_added_and_revoked_while_it_runs(server: Server, folder: Path) -> None:
    key = await asyncio.to_thread(keys, folder, "add", "Ann")
    assert status(server, key) == 200
    socket = await started(server, {"key": key})
    renewed = await asyncio.to_thread(keys, folder, "renew", "Ann")
    assert (status(server, key), status(server, renewed)) == (401, 200)
    await asyncio.to_thread(keys, folder, "revoke", "Ann")
    revoked = time.monotonic()
    assert status(server, renewed) == 401
    with pytest.raises(websockets.ConnectionClosed) as closed:
        while True:
            told = json.loads(await asyncio.wait_for(socket.recv(), LIMIT_S))
    assert told["code"] == "key_revoked" and closed.value.rcvd is not None and closed.value.rcvd.code == 4401
    assert time.monotonic() - revoked < LIMIT_S
    assert all(secret not in server.log.read_text() for secret in (key, renewed))
