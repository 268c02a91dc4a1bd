"""Debian's coturn, started as an operator would start it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_S, GOODBYE_S = 10, 10


@contextmanager
def coturn(folder: Path, *flags: str, config: str = "") -> Iterator[int]:
    """Run it on loopback; yields its port."""
    command = shutil.which("turnserver")
    if command is None:
        pytest.skip("coturn is missing: apt-get install coturn")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trying:
        trying.bind(("127.0.0.1", 0))
        port = trying.getsockname()[1]
    (folder / "turnserver.conf").write_text(config)
    own = ["-c", str(folder / "turnserver.conf"), "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", str(port), "--no-tls"]
    own += ["--no-dtls", "--no-cli", "--allow-loopback-peers", "--pidfile", str(folder / "pid")]
    own += ["--db", str(folder / "turndb"), "--log-file", "stdout", "--simple-log"]
    with (folder / "coturn.log").open("w") as log:
        process = subprocess.Popen([command, *own, *flags], stdout=log, stderr=log, cwd=folder)
    try:
        until = time.monotonic() + START_S
        while not _listens(port):
            assert process.poll() is None and time.monotonic() < until, (folder / "coturn.log").read_text()
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(GOODBYE_S)


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
