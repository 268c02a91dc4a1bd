"""The real server, and what it writes down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.server import COMMAND, Served, environment_of, launch
from tests.paths import ROOT


@dataclass(frozen=True)
class Server(Served):
    """A server whose log can be read."""

    log: Path

    @classmethod
    def start(
        cls, folder: Path, *flags: str, command: tuple[str, ...] = COMMAND, cwd: Path = ROOT, **settings: str
    ) -> Server:
        """Serve on a free port; ``settings`` are LIPWIRE_* variables without the prefix."""
        log = folder / "server.log"
        with log.open("w") as file:
            served = launch([*command, "serve", *flags], environment_of(folder / "data", settings), cwd, file)
        return cls(served.process, served.url, log)
