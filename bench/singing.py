"""The canaries of a soak, each a process of its own, and what they told so far."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.assets import CHECKOUT
from bench.trend import Allowance, trend_of

GOODBYE_S = 20
DRIFT = Allowance(an_hour=5, noise=10)  # ms
DELAY = Allowance(an_hour=20, noise=60)  # ms


class Singing:
    """``start``, then ``summary`` at any time, then ``stop``."""

    def __init__(self, ws_url: str, engines: Sequence[str], window_s: float, folder: Path) -> None:
        self._ws_url, self._window_s, self._folder = ws_url, window_s, folder
        self._engines = engines
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Let them sing."""
        for engine in self._engines:
            command = [sys.executable, "-m", "bench.canary", self._ws_url, "--engine", engine]
            with self._song(engine).open("wb") as song:
                process = subprocess.Popen(
                    [*command, "--window", str(self._window_s)], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=song
                )
            self._processes.append(process)

    def stop(self) -> None:
        """End them; again is fine."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:
            try:
                process.wait(GOODBYE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self._processes.clear()

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return, for each canary, all of its windows in a few figures."""
        return {engine: _summary(self._lines(engine)) for engine in self._engines}

    def _song(self, engine: str) -> Path:
        return self._folder / f"canary-{engine}.jsonl"

    def _lines(self, engine: str) -> list[dict[str, Any]]:
        lines = self._song(engine).read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]


def _summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    windows = [line for line in lines if "holes" in line]
    ends = [line["ended"] for line in lines if "ended" in line]
    told = {
        "lives": max((line["lives"] for line in lines), default=0),
        "ends": ends[-5:],
        "windows": len(windows),
        "holes": sum(line["holes"] for line in windows),
        "excused": sum(line["excused"] for line in windows),
        "jumps": sum(line["jumps"] for line in windows),
        "lost_tones": sum(line["lost_tones"] for line in windows),
        "lost_packets": max((line["lost_packets"] for line in windows), default=0),
        "fps_min": min((line["fps"] for line in windows), default=0.0),
        "fps_p50": _median([line["fps"] for line in windows]),
        "delay_p50_ms": _median([line["delay_p50_ms"] for line in windows]),
        "delay_p95_max_ms": max((line["delay_p95_ms"] or 0 for line in windows), default=None),
        "sender_late_p99_max_ms": max((line["sender_late_p99_ms"] for line in windows), default=0.0),
        "offset_p50_ms": _median([line["offset_ms"] for line in windows]),
        "offset_worst_ms": max((line["offset_max_ms"] or 0 for line in windows), default=None),
    }
    for name, field, allowance in (("drift", "offset_ms", DRIFT), ("delay", "delay_p50_ms", DELAY)):
        known = [(line["at_s"], line[field]) for line in windows if line[field] is not None]
        if known:
            trend = trend_of([at for at, _ in known], [value for _, value in known], allowance)
            told[f"{name}_ms_an_hour"], told[f"{name}_verdict"] = trend.slope_an_hour, trend.verdict
    return told


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 2) if known else None
