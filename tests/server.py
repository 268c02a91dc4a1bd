"""The real server, and what it writes down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from bench.server import Served, environment_of, launch
from tests.cluster.running import cluster_up
from tests.front_switch import THROUGH_FRONT
from tests.paths import ROOT
from tests.roomy import COMMAND


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


Serve = Callable[..., AbstractContextManager[Server]]


@contextmanager
def either(folder: Path, command: tuple[str, ...] = COMMAND, **settings: str) -> Iterator[Server]:
    """Serve what looks the same from outside: a plain server, or two stages behind a front (``front_switch``).

    ``command``: a plain server's, or what stands before ``cluster up``.
    """
    if THROUGH_FRONT:
        alike = {"engine": Settings().engine, **settings}  # as it is where nobody says otherwise
        up = (*command[command.index("-m") + 1 :], "cluster", "up")
        with cluster_up(folder, "--replicas", "2", command=up, **alike) as cluster:
            yield Server(cluster.process, cluster.url, cluster.log)
    else:
        started = Server.start(folder, command=command, cwd=ROOT, **settings)
        yield started
        assert started.stop() in (0, -15)
