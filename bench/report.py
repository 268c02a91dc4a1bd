"""How every bench ends: a table for people, then one JSON object on the last line."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def machine() -> str:
    """Name the processor and how many cores of it there are."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores"


def times_ms(work: Callable[[], object], repeats: int, warm_up: int = 5) -> list[float]:
    """Time single calls, after a warm-up."""
    for _ in range(warm_up):
        work()
    found = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        found.append((time.perf_counter() - begun) * 1000)
    return found


def summary(times: list[float]) -> dict[str, float]:
    """Return the median and the 95th percentile, in ms."""
    return {
        "p50_ms": round(statistics.median(times), 3),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 3),
    }


def report(title: str, rows: list[dict[str, Any]], **more: Any) -> None:
    """Print rows as a table, and all of it as JSON, with more than a table can hold."""
    print(f"{title} on {machine()}")
    print_table(rows)
    print(json.dumps({"bench": title, "machine": machine(), "rows": rows, **more}))


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print rows of the same columns."""
    columns = list(rows[0])
    widths = [max(len(name), *(len(str(row[name])) for row in rows)) for name in columns]
    print("  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)))
    for row in rows:
        print("  ".join(str(row[name]).ljust(width) for name, width in zip(columns, widths, strict=True)))
