"""Debian's nginx with ``deploy/nginx.conf``: two real servers as stages behind it, and something small as the front."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket

from app.api.problems import problem_response
from app.cluster.owners_route import owner_routes
from tests.certificates import make_certificate
from tests.paths import ROOT
from tests.server import Server

CONFIG = ROOT / "deploy" / "nginx.conf"
KEY = "a key of more than thirty-two letters"
START_S, GOODBYE_S = 20, 10

MAIN = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/lipwire.conf;
}}
"""


def need_nginx() -> str:
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip("nginx is missing: apt-get install nginx-light")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@dataclass
class Front:
    """Stands for the front: knows owners, and notes what comes to it. In a thread with a loop of its own."""

    owners: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    on_bytes: Callable[[int], object] = lambda count: None

    def __post_init__(self) -> None:
        self.port = free_port()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        app = self._application()  # behind what believes X-Forwarded-For, as Serve's proxy does
        config = uvicorn.Config(app, port=self.port, log_level="warning", forwarded_allow_ips="127.0.0.1")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=asyncio.run, args=(self._server.serve(),), name="front")
        self._thread.start()
        wait_until(lambda: self._server is not None and self._server.started, "the front does not start")

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(GOODBYE_S)
            self._server = None

    def _application(self) -> FastAPI:
        app = FastAPI()
        app.include_router(owner_routes(self._inner_of, ["127.0.0.1"]))

        @app.websocket("/ws")
        async def websocket(socket: WebSocket) -> None:
            await socket.accept()
            await socket.send_json({"type": "front", "query": socket.url.query})
            await socket.close()

        @app.api_route("/{path:path}", methods=["GET", "POST", "DELETE", "PATCH", "PUT"])
        async def rest(path: str, request: Request) -> Response:
            self.headers = dict(request.headers)
            taken = 0
            async for chunk in request.stream():
                taken += len(chunk)
                self.on_bytes(taken)
            self.asked.append(f"{request.method} /{path}")
            self.bodies.append(str(taken).encode())
            return problem_response(404, "no_such_session", "There is no such session.")

        return app

    def _inner_of(self, reference: str) -> str | None:
        self.asked.append(f"owner {reference}")
        return self.owners.get(reference)


class OneName:
    """nginx before a front and two stages; all of them end with :meth:`close`."""

    def __init__(self, folder: Path, front_port: int | None = None) -> None:
        """``front_port``: of a real front, where none is stood for."""
        self._nginx_command = need_nginx()
        self.folder, self.front = folder, Front()
        self._front_port = front_port or self.front.port
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        certificate, _ = make_certificate(folder, "localhost", "127.0.0.1")
        self.trust = ssl.create_default_context(cafile=str(certificate))
        self._nginx: subprocess.Popen[bytes] | None = None
        self.stages: list[Server] = []

    def start(self, stages: int = 2) -> None:
        self.front.start()
        for number in range(stages):
            own = self.folder / f"stage{number}"
            own.mkdir()
            flags = ("--engine", "clapper")
            proxied = partial(Server.start, public_url=self.url, trusted_proxies="127.0.0.1")
            self.stages.append(proxied(own, *flags, api_keys=KEY, drain_s="5"))
        self.start_nginx()

    def start_nginx(self) -> None:
        (self.folder / "lipwire.conf").write_text(self._config())
        (self.folder / "nginx.conf").write_text(MAIN.format(user=getpass.getuser(), folder=self.folder))
        with (self.folder / "nginx.log").open("wb") as log:
            self._nginx = subprocess.Popen(
                [self._nginx_command, "-p", self.folder, "-c", self.folder / "nginx.conf"], stderr=log
            )
        wait_until(self._answers, "nginx does not start")

    def kill_nginx(self) -> None:
        """Take it away at once, with what it has under way; :meth:`start_nginx` brings another."""
        assert self._nginx is not None
        workers = Path(f"/proc/{self._nginx.pid}/task/{self._nginx.pid}/children").read_text().split()
        for pid in (self._nginx.pid, *map(int, workers)):
            os.kill(pid, signal.SIGKILL)
        self._nginx.wait()

    def checked(self) -> str:
        """Have nginx check the configuration; returns what it says."""
        (self.folder / "lipwire.conf").write_text(self._config())
        (self.folder / "nginx.conf").write_text(MAIN.format(user=getpass.getuser(), folder=self.folder))
        command = [self._nginx_command, "-t", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def close(self) -> None:
        if self._nginx is not None:
            self._nginx.send_signal(signal.SIGTERM)
            self._nginx.wait(GOODBYE_S)
        for stage in self.stages:
            if stage.process.poll() is None:
                stage.process.send_signal(signal.SIGCONT)
                stage.stop()
        self.front.stop()

    def said(self) -> str:
        """Return what nginx wrote down."""
        return (self.folder / "error.log").read_text()

    def _config(self) -> str:
        text = CONFIG.read_text()
        for wanted, own in (
            ("127.0.0.1:8000 max_fails", f"127.0.0.1:{self._front_port} max_fails"),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
            ("    listen [::]:443 ssl http2;\n", ""),
            ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
            ("    listen [::]:80;\n", ""),
            ("faces.example.org;", "localhost;"),
            ("/etc/ssl/lipwire/tls.crt", f"{self.folder}/cert.pem"),
            ("/etc/ssl/lipwire/tls.key", f"{self.folder}/key.pem"),
            ("/var/lib/nginx/lipwire", f"{self.folder}/owners"),
        ):
            assert text.count(wanted) == 1, wanted
            text = text.replace(wanted, own)
        return text

    def _answers(self) -> bool:
        assert self._nginx is not None and self._nginx.poll() is None, (self.folder / "nginx.log").read_text()
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0


def wait_until(is_so: Callable[[], bool], otherwise: str, patience_s: float = START_S) -> None:
    until = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < until, otherwise
        time.sleep(0.05)
