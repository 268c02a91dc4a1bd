"""A cluster on this machine as a user starts it, on ports and in a folder of its own."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.server import COMMAND, Served, environment_of, launch

GOODBYE_S = 90  # Ray's processes take their time


@contextmanager
def cluster(stages: int, **settings: str) -> Iterator[Served]:
    """Serve with so many stages; gives the front's address, and the process that started it."""
    # sockets of Ray have their path in this folder, and a path has 107 characters at most
    with tempfile.TemporaryDirectory(prefix="lw-", dir="/tmp") as folder:
        first = free_port()
        own = {"stage_ports": f"{first}-{min(65_535, first + 100)}", "port": str(free_port()), **settings}
        environment = {**environment_of(Path(folder) / "data", own), "RAY_TMPDIR": folder}
        served = launch([*COMMAND, "--log-level", "warning", "cluster", "up", "--replicas", str(stages)], environment)
        try:
            yield served
        finally:
            end(served.process)


def end(process: subprocess.Popen[str]) -> None:
    """End it, and Ray with it."""
    process.terminate()
    try:
        process.wait(GOODBYE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a TCP port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
