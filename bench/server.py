"""A real server as a process of its own, for as long as a measurement takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"is at (\S+)")
GOODBYE_S = 15


@dataclass(frozen=True, slots=True)
class Served:
    """Where a server is, and which process."""

    url: str
    pid: int

    @property
    def ws_url(self) -> str:
        """The sessions' address."""
        return self.url.replace("http", "ws", 1) + "/ws"


@contextmanager
def server(**settings: str) -> Iterator[Served]:
    """Serve on a free port, with LIPWIRE_* settings."""
    with tempfile.TemporaryDirectory() as folder:
        own = {f"LIPWIRE_{name.upper()}": value for name, value in settings.items()}
        environment = {**os.environ, "LIPWIRE_PORT": "0", "LIPWIRE_DATA_DIR": folder, **own}
        with running(["app", "--log-level", "warning", "serve"], environment) as served:
            yield served


@contextmanager
def running(module: list[str], environment: dict[str, str] | None = None) -> Iterator[Served]:
    """Run a Python module that prints where it serves, and end it afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", *module], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        found = ADDRESS.search(process.stdout.readline())
        if found is None:
            raise RuntimeError("the server did not start")
        yield Served(found[1], process.pid)
    finally:
        process.terminate()
        process.wait(timeout=GOODBYE_S)
