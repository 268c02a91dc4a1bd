"""Processor time as the kernel counts it: of a process, of its threads by name, of the machine. Linux only."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
EVENT_LOOP, OTHER = "event loop", "other"
POOL_NUMBER = re.compile(r"[-_ ]?\d+$")


@dataclass(frozen=True, slots=True)
class ProcessTime:
    """Seconds of processor time since a process began: all of it, and by group of the threads that still run."""

    total_s: float
    groups_s: dict[str, float]

    def since(self, before: ProcessTime) -> ProcessTime:
        """Return what was used since; a thread that ended meanwhile counts as ``other``."""
        total = self.total_s - before.total_s
        groups = {name: used - before.groups_s.get(name, 0.0) for name, used in self.groups_s.items() if name != OTHER}
        return ProcessTime(total, {**groups, OTHER: total - sum(groups.values())})


def process_time(pid: int, proc: Path = Path("/proc")) -> ProcessTime:
    """Read a process's time. The main thread is the event loop; who has no name of its own is ``other``."""
    process = proc / str(pid)
    main_name, _ = parse_stat((process / "stat").read_text())
    groups = {OTHER: 0.0}
    for task in (process / "task").iterdir():
        try:
            name, used_s = parse_stat((task / "stat").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        own = name if name != main_name else OTHER
        group = EVENT_LOOP if task.name == str(pid) else POOL_NUMBER.sub("", own)
        groups[group] = groups.get(group, 0.0) + used_s
    return ProcessTime(parse_stat((process / "stat").read_text())[1], groups)


def parse_stat(text: str) -> tuple[str, float]:
    """Return the name, which may hold spaces and brackets, and the seconds in user and system mode (see proc(5))."""
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    return name, (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def memory_mb(pid: int, proc: Path = Path("/proc")) -> float:
    """Return how much memory a process has of its own, in MB."""
    lines = (proc / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def machine_busy_s(proc: Path = Path("/proc")) -> float:
    """Return the seconds for which cores were busy, other guests of the same host ("steal") included."""
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, (proc / "stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_S
