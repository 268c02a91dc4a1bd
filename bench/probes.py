"""What a running server holds, from outside: memory, threads, descriptors, sockets, tasks, files. Linux only."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

import httpx

METRIC = re.compile(r"^lipwire_(tasks|sessions) (\d+)", re.MULTILINE)
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One look. Memory and disk are in MB; ``tasks`` and ``sessions`` are None while the server does not answer."""

    rss_mb: float
    anonymous_mb: float
    threads: int
    descriptors: int
    sockets: int
    children: int
    temporary: int
    disk_mb: float
    tasks: int | None
    sessions: int | None


COUNTS = tuple(each.name for each in fields(Reading))


def read_process(pid: int, proc: Path = Path("/proc")) -> dict[str, float]:
    """Return what the kernel says of a process."""
    status = dict(line.split(":", 1) for line in (proc / str(pid) / "status").read_text().splitlines() if ":" in line)
    kinds: Counter[str] = Counter()
    for descriptor in (proc / str(pid) / "fd").iterdir():
        try:
            kinds[os.readlink(descriptor).partition(":")[0]] += 1
        except OSError:
            continue  # it has just been closed
    children = (proc / str(pid) / "task" / str(pid) / "children").read_text().split()
    return {
        "rss_mb": round(int(status["VmRSS"].split()[0]) * 1024 / MB, 1),
        "anonymous_mb": round(int(status["RssAnon"].split()[0]) * 1024 / MB, 1),
        "threads": int(status["Threads"]),
        "descriptors": sum(kinds.values()),
        "sockets": kinds["socket"],
        "children": len(children),
    }


def read_folder(folder: Path) -> tuple[int, float]:
    """Return how many files a folder holds, and their MB."""
    count, size = 0, 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                size += (Path(path) / name).stat().st_size
                count += 1
            except OSError:
                continue  # it has just been removed
    return count, round(size / MB, 1)


async def look(http: httpx.AsyncClient, pid: int, data_dir: Path, temporary: Path) -> Reading:
    """Read everything; the server's own counts may be missing, as it may be refusing everybody."""
    found: dict[str, int] = {}
    try:
        answer = await http.get("/metrics")
        found = {name: int(value) for name, value in METRIC.findall(answer.text)}
    except httpx.HTTPError:
        pass
    kernel = read_process(pid)
    return Reading(
        rss_mb=kernel["rss_mb"],
        anonymous_mb=kernel["anonymous_mb"],
        threads=int(kernel["threads"]),
        descriptors=int(kernel["descriptors"]),
        sockets=int(kernel["sockets"]),
        children=int(kernel["children"]),
        temporary=read_folder(temporary)[0],
        disk_mb=read_folder(data_dir)[1],
        tasks=found.get("tasks"),
        sessions=found.get("sessions"),
    )
