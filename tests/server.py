"""The real server as a process of its own, as a user starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

ADDRESS = re.compile(r"Lipwire is at (\S+?)\s")
START_TIMEOUT_S = 60
COMMAND = (sys.executable, "-m", "app")


@dataclass
class Server:
    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws"

    @classmethod
    def start(
        cls, folder: Path, *flags: str, command: tuple[str, ...] = COMMAND, cwd: Path = ROOT, **settings: str
    ) -> Server:
        """Serve on a free port; ``settings`` are LIPWIRE_* variables without the prefix."""
        own = {f"LIPWIRE_{name.upper()}": value for name, value in settings.items()}
        environment = {**os.environ, "LIPWIRE_PORT": "0", "LIPWIRE_DATA_DIR": str(folder / "data"), **own}
        log = folder / "server.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [*command, "serve", *flags],
                cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=file, text=True,
            )  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if found := ADDRESS.search(line + " "):
                return cls(process, found[1], log)
        raise AssertionError(f"the server did not start:\n{log.read_text()}")

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
