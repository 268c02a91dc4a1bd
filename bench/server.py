"""A real server as a process of its own, as a user starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.assets import CHECKOUT

ADDRESS = re.compile(r"is at (\S+)")
GOODBYE_S = 15
COMMAND = (sys.executable, "-m", "app")


@dataclass(frozen=True, slots=True)
class Served:
    """Where a server is, and its process."""

    process: subprocess.Popen[str]
    url: str

    @property
    def pid(self) -> int:
        """The process's number."""
        return self.process.pid

    @property
    def ws_url(self) -> str:
        """The sessions' address."""
        return self.url.replace("http", "ws", 1) + "/ws"

    def stop(self) -> int:
        """End it; returns its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=GOODBYE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def environment_of(data_dir: Path, settings: dict[str, str]) -> dict[str, str]:
    """Return an environment for a free port; ``settings`` are LIPWIRE_* variables without the prefix."""
    own = {f"LIPWIRE_{name.upper()}": value for name, value in settings.items()}
    return {**os.environ, "LIPWIRE_PORT": "0", "LIPWIRE_DATA_DIR": str(data_dir), **own}


def launch(
    command: Sequence[str], environment: dict[str, str] | None = None, cwd: Path = CHECKOUT, log: IO[str] | None = None
) -> Served:
    """Start a process that prints where it serves, and wait until it does.

    Raises:
        RuntimeError: when it ends before.
    """
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := ADDRESS.search(line):
            return Served(process, found[1])
    raise RuntimeError(f"the server did not start; its exit status is {process.wait(GOODBYE_S)}")


@contextmanager
def server(**settings: str) -> Iterator[Served]:
    """Serve on a free port, with LIPWIRE_* settings."""
    quietly = ["app", "--log-level", "warning", "serve"]
    with (
        tempfile.TemporaryDirectory() as folder,
        running(quietly, environment_of(Path(folder), settings)) as served,
    ):
        yield served


@contextmanager
def running(module: list[str], environment: dict[str, str] | None = None) -> Iterator[Served]:
    """Run a Python module that prints where it serves, and end it afterwards."""
    served = launch([sys.executable, "-m", *module], environment)
    try:
        yield served
    finally:
        served.stop()
