"""What the machine does, and what a session takes of it: measured while it works, all threads counted.

Processor time is counted in *cores*: 1 is one core, all the time. A session takes inference (see ``EngineCost``),
coding by its pixels, and a share of the rest: the event loop, sockets, packets, libraries' own threads.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.media import NS_PER_S, VIDEO_FPS

WINDOW_NS = 2 * NS_PER_S  # over which what is going on is measured
LEARNS = 0.5  # of what is new, a second: after a rush the truth is back within ten
COMPETES = 0.5  # of what other processes take: they give way to threads that wait as often as ours do
REST_AT_FIRST = 0.06  # cores a session, until one was measured
STAT = Path("/proc/stat")
QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor time so far, ns: of all processes, of this one, and of parts of it."""

    at_ns: int
    process_ns: int
    inference_ns: int
    resting_ns: int
    coding_ns: int
    machine_ns: int

    def __sub__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) - getattr(other, name) for name in Usage.__slots__))


class Load:
    """Learns what a session takes, from samples of ``read``, half a second apart. On the event loop.

    ``coding_ns_a_pixel``: what a picture's pixel takes to code, until a session was measured. Bound: the samples of
    ``WINDOW_NS``.
    """

    def __init__(self, read: Callable[[], Usage], cores: float, coding_ns_a_pixel: float) -> None:
        self._read, self.cores = read, cores
        self._samples: deque[Usage] = deque()
        self._at_first = coding_ns_a_pixel, REST_AT_FIRST
        self._coding_ns_a_pixel, self.rest_cores = self._at_first  # the rest: a session's

    @property
    def others_cores(self) -> float:
        """What other processes take of the cores that this one may use, as far as they keep it from them."""
        spent = self._spent()
        if spent is None:
            return 0.0
        return COMPETES * max(0.0, (spent.machine_ns - spent.process_ns) / spent.at_ns)

    def coding_cores(self, pixels: int) -> float:
        """Return what coding a session's pictures takes."""
        return self._coding_ns_a_pixel * pixels * VIDEO_FPS / NS_PER_S

    def sample(self, sending: Sequence[int]) -> None:
        """Measure; ``sending``: the pixels of each session that sends pictures now."""
        now = self._read()
        before = self._samples[-1] if self._samples else None
        if before is not None and now.at_ns <= before.at_ns:
            return
        self._samples.append(now)
        while now.at_ns - self._samples[0].at_ns > WINDOW_NS:
            self._samples.popleft()
        spent = self._spent()
        if before is None or spent is None:
            return
        coding, rest = self._at_first  # nobody is here: back to what is known of the machine at its best
        if sending:
            other_ns = spent.process_ns - spent.inference_ns - spent.resting_ns - spent.coding_ns
            coding = spent.coding_ns * NS_PER_S / spent.at_ns / VIDEO_FPS / sum(sending)
            rest = max(0.0, other_ns / spent.at_ns / len(sending))
        share = min(1.0, LEARNS * (now.at_ns - before.at_ns) / NS_PER_S)
        self._coding_ns_a_pixel += share * (coding - self._coding_ns_a_pixel)
        self.rest_cores += share * (rest - self.rest_cores)

    def _spent(self) -> Usage | None:
        if len(self._samples) < 2:
            return None
        return self._samples[-1] - self._samples[0]


def usable_cores() -> float:
    """Return how many cores this process may use: its affinity, and its control group's quota."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    try:
        quota, period = QUOTA.read_text().split()[:2]
        return cores if quota == "max" else min(cores, int(quota) / int(period))
    except (OSError, ValueError):
        return cores


def machine_ns() -> int:
    """Return the processor time that the whole machine has spent; this process's where the system does not say."""
    try:
        fields = [int(field) for field in STAT.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return time.process_time_ns()
    user, nice, system, _idle, _waiting, irq, soft_irq, steal = fields
    ticks = user + nice + system + irq + soft_irq + steal
    return ticks * NS_PER_S // os.sysconf("SC_CLK_TCK")
