"""The machine, and how much of it this process may have."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
from collections.abc import Iterator
from pathlib import Path

from app.commands.doctor.finding import Finding, ok, problem, warn
from app.config import Settings

FILES_A_SESSION = 32  # its socket, its viewers' sockets, pipes and files, generously
FILES_A_CONNECTION = 1
OWN_FILES = 200
MEMORY, MEMORY_A_SESSION = 700e6, 60e6  # bytes: of the service itself; docs/performance.md
CGROUP = Path("/sys/fs/cgroup")
UNSYNCHRONISED = 5  # adjtimex's TIME_ERROR
CLOCK_BYTES = 512  # more than any struct timex has


def machine(settings: Settings) -> Iterator[Finding]:
    """Look at limits that a user, a container or a service manager may have set."""
    yield _cores()
    yield _memory(settings)
    yield _files(settings)
    yield _clock()


def _cores() -> Finding:
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = f"python {platform.python_version()}, {mine} cores, {platform.machine()}"
    quota = _cgroup("cpu.max").split()
    if len(quota) == 2 and quota[0] != "max":
        share = int(quota[0]) / int(quota[1])
        if share < mine:
            return warn(
                "cores", f"{said}, of which the container may use {share:.1f}", "the service counts on all of them: "
                "limit it by cores (cpuset), not by a quota",
            )  # fmt: skip
    return ok("cores", said)


def _memory(settings: Settings) -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [int(text) for name in ("memory.max", "memory.high") if (text := _cgroup(name)).isdecimal()]
    may = min([total, *limits])
    needed = MEMORY + settings.max_sessions * MEMORY_A_SESSION
    said = f"{may / 1e9:.1f} GB{' (limit of the container)' if may < total else ''}"
    if may < needed:
        todo = f"{settings.max_sessions} sessions take about {needed / 1e9:.1f} GB; or set LIPWIRE_MAX_SESSIONS"
        return (problem if may < MEMORY else warn)("memory", said, todo)
    return ok("memory", said)


def _files(settings: Settings) -> Finding:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = OWN_FILES + settings.max_sessions * FILES_A_SESSION + settings.max_connections * FILES_A_CONNECTION
    needed += settings.max_viewers * FILES_A_SESSION
    said = f"{limit} files may be open"
    if limit < needed:
        return warn("files", f"{said}, {needed} may be needed", f"ulimit -n {needed}, or LimitNOFILE= in the unit")
    return ok("files", said)


def _clock() -> Finding:
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(CLOCK_BYTES))
    except (OSError, AttributeError):
        return ok("clock", "whether it is kept right is not known here")
    if state == UNSYNCHRONISED:
        return warn(
            "clock",
            "nothing keeps it right",
            "run chrony or systemd-timesyncd: tokens and TURN need it",
        )
    return ok("clock", "it is kept right")


def _cgroup(name: str) -> str:
    """Return what the innermost group that this process sees says of a limit; empty where there is none."""
    try:
        own = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2].lstrip("/")
    except OSError:
        return ""
    for folder in (CGROUP / own, CGROUP):
        try:
            return (folder / name).read_text().strip()
        except OSError:
            continue
    return ""
