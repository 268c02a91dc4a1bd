"""Debian's nginx with its RTMP module: a server that takes pushes and keeps what came as FLV."""

from __future__ import annotations

import getpass
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
START_S, GOODBYE_S = 10, 10

CONFIG = """
load_module {module};
user {user};
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 64; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        application live {{
            live on;
            record all;
            record_path {folder}/recorded;
            record_suffix -{number}.flv;
        }}
    }}
}}
"""


class Nginx:
    """Made once, started and stopped as often as a test wants, always on the same port."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("nginx") is None or not MODULE.is_file():
            pytest.skip("nginx with RTMP is missing: apt-get install nginx libnginx-mod-rtmp")
        self._folder, self._runs = folder, 0
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "recorded").mkdir()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]

    def url(self, key: str) -> str:
        return f"rtmp://127.0.0.1:{self.port}/live/{key}"

    def start(self) -> None:
        self._runs += 1
        config = self._folder / "nginx.conf"
        config.write_text(
            CONFIG.format(module=MODULE, user=getpass.getuser(), folder=self._folder, port=self.port, number=self._runs)
        )
        with (self._folder / "output.log").open("ab") as log:
            self._process = subprocess.Popen(["nginx", "-p", self._folder, "-c", config], stderr=log)
        until = time.monotonic() + START_S
        while not self._listens():
            assert self._process.poll() is None and time.monotonic() < until, (self._folder / "output.log").read_text()
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End it as its service manager does; again is fine."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(GOODBYE_S)
            self._process = None

    def recorded(self, key: str, run: int = 1) -> Path:
        return self._folder / "recorded" / f"{key}-{run}.flv"
