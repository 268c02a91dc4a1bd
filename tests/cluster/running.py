"""A real cluster, as ``lipwire cluster up`` starts it, and who uses it over the network."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from app.cluster.seals import Owner, Seals
from tests.client import Client
from tests.paths import ROOT

SECRET = "secret of the tests, of 32 letters"
OVERLOADED = "timed out during startup"  # Ray's own 30 s, of a machine that has no time for it now
STARTS = 3
READY = re.compile(r"^Lipwire is at (\S+)", re.MULTILINE)
START_S, END_S, PATIENCE_S = 400, 120, 180  # a machine may be busy with other things
RATE = 16_000
TONE = (np.sin(np.arange(RATE) * 2 * np.pi * 220 / RATE) * 12_000).astype("<i2").tobytes()  # a second
BUSY = ("server_busy", "server_full", "session_moving")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass(frozen=True)
class Running:
    """A cluster on this machine."""

    process: subprocess.Popen[str]
    url: str
    log: Path
    environment: dict[str, str]

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws"

    def owner(self, session: dict[str, Any]) -> Owner:
        """Whose a session is, as its name says."""
        return Seals(SECRET).open(session["id"])

    async def stages(self) -> list[dict[str, Any]]:
        async with httpx.AsyncClient() as http:
            return list((await http.get(f"{self.url}/api/stages")).json()["stages"])

    async def make(self, **wish: Any) -> dict[str, Any]:
        """Make a session, as often as the machine is busy."""
        made: dict[str, Any] = await self.ask("/api/sessions", {"mode": "agent", "engine": "clapper", **wish})
        return made

    async def ask(self, path: str, body: dict[str, Any], token: str = "", expected: tuple[int, ...] = (201,)) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        deadline = time.monotonic() + PATIENCE_S
        async with httpx.AsyncClient(timeout=60) as http:
            while True:
                answer = await http.post(self.url + path, json=body, headers=headers)
                if answer.status_code in expected:
                    return answer.json()
                assert answer.json()["code"] in BUSY and time.monotonic() < deadline, answer.text
                await asyncio.sleep(1)

    async def view(self, session: dict[str, Any]) -> httpx.Response:
        """Ask the front for a session, and do not follow."""
        async with httpx.AsyncClient() as http:
            return await http.get(f"{self.url}/api/sessions/{session['id']}")

    async def end(self, session: dict[str, Any]) -> None:
        async with httpx.AsyncClient(follow_redirects=True) as http:
            await http.delete(f"{self.url}/api/sessions/{session['id']}")

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app", *arguments]
        environment = {**self.environment, "LIPWIRE_FRONT_URL": self.url}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


async def speak(session: dict[str, Any], url: str = "", name: str = "word") -> dict[str, Any]:
    """Feed a session a second of sound, wherever ``url`` leads, and return what is told when it was heard."""
    async with Client(await elsewhere(session, url) if url else session["feed"]["url"]) as client:
        await client.say(
            "attach", session=session["id"], token=session["feed"]["token"], sample_rate=RATE, encoding="pcm_s16le"
        )
        await client.expect("started", timeout_s=PATIENCE_S)
        await client.say("utterance", id=name)
        await client.socket.send(TONE)
        await client.say("flush")
        return await client.expect("speaking", timeout_s=PATIENCE_S, state="finished", utterance=name)


async def elsewhere(session: dict[str, Any], url: str) -> str:
    """Ask where a session is fed; the socket is closed after the answer."""
    async with Client(url, follows=False) as client:
        await client.say("attach", session=session["id"], token=session["feed"]["token"])
        said = await client.expect("elsewhere", timeout_s=PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            while client.close_code is None:
                await asyncio.sleep(0.05)
        assert client.close_code == 4307
        return str(said["url"])


async def until(true: Callable[[], Awaitable[bool]], within_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(within_s):
        while not await true():
            await asyncio.sleep(0.5)


def processes_of(folder: str) -> list[int]:
    """Return who was started with a folder of Ray's."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if folder.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def processes_titled(cluster: Running, title: str) -> list[int]:
    """Return a cluster's processes that Ray has given such a title."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                is_meant = title.encode() in (entry / "cmdline").read_bytes()
                is_ours = cluster.environment["RAY_TMPDIR"].encode() in (entry / "environ").read_bytes()
            except OSError:
                continue
            if is_meant and is_ours:
                found.append(int(entry.name))
    return found


@contextmanager
def cluster_up(
    folder: Path, *flags: str, command: tuple[str, ...] = ("app", "cluster", "up"), **settings: str
) -> Iterator[Running]:
    """Start a cluster with a Ray of its own, and end it with Ctrl-C; ``settings`` are LIPWIRE_* variables."""
    ray = tempfile.mkdtemp(prefix="r-", dir="/tmp")  # sockets' paths are short
    first = random.randrange(20_000, 30_000)
    given = {
        "port": str(free_port()),
        "data_dir": str(folder / "data"),
        "token_secret": SECRET,
        "stage_ports": f"{first}-{first + 99}",
        "stage_cores": "0.2",
        "engine": "clapper",
        "drain_s": "1",
        **settings,
    }
    environment = {
        **{name: text for name, text in os.environ.items() if name != "RAY_ADDRESS"},
        **{f"LIPWIRE_{name.upper()}": text for name, text in given.items()},
        "RAY_TMPDIR": ray,
    }
    if command[0] != "app":  # Ray reads it as it is imported, which is before `up` can say so there
        environment.setdefault("RAY_AUTH_MODE", "token")
    log = folder / "cluster.log"
    process = _launch([*command, *flags], environment, log)
    try:
        for _ in range(STARTS - 1):
            if _url(process, log) or OVERLOADED not in log.read_text(errors="replace"):
                break
            _kill(ray)
            process = _launch([*command, *flags], environment, log)
        yield Running(process, _ready(process, log), log, environment)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(END_S) == 0, log.read_text()[-4000:]
        deadline = time.monotonic() + END_S
        while left := processes_of(ray):
            assert time.monotonic() < deadline, f"processes are left: {left}"
            time.sleep(0.5)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        _kill(ray)
        shutil.rmtree(ray, ignore_errors=True)


def _launch(arguments: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[str]:
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )


def _kill(ray: str) -> None:
    for pid in processes_of(ray):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _ready(process: subprocess.Popen[str], log: Path) -> str:
    url = _url(process, log)
    assert url, f"the cluster did not start:\n{log.read_text(errors='replace')[-6000:]}"
    return url


def _url(process: subprocess.Popen[str], log: Path) -> str:
    """Wait until a cluster says where it is; empty where it does not."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if found := READY.search(log.read_text(errors="replace")):
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.5)
    return ""
