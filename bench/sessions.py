"""``bench sessions``: how many voices at 25 frames a second one inference thread serves in time."""

from __future__ import annotations

import argparse
import asyncio
import random
from pathlib import Path
from typing import Any

from app.avatars.picture import read_picture
from app.avatars.store import DEFAULT_FILE
from app.config import load_settings
from app.inference.engine import Engine, Portrait, Prepared, Window
from app.inference.engines import Engines
from app.inference.face import FaceFinder
from app.inference.lane import Lane
from app.inference.trial import LATER, loud_window
from app.inference.worker import InferenceWorker
from app.media import NS_PER_MS, SLOT_MS, SLOT_NS, TalkingFrame
from app.pacer.clock import MonotonicClock
from bench.report import report

ALLOWED_LATE = 0.01  # p99


def main(arguments: list[str] | None = None) -> int:
    """Double the number of sessions until one frame in a hundred is late, then halve the difference."""
    parser = argparse.ArgumentParser(prog="bench sessions")
    parser.add_argument("--engines", nargs="+", default=["portrait"], help="wav2lip needs a checkpoint")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--no-life", action="store_true", help="portraits that only speak")
    parser.add_argument("--seconds", type=float, default=6, help="of each trial")
    args = parser.parse_args(arguments)
    settings = load_settings()
    engines = Engines(settings.weights_dir, settings.engine, settings.threads, args.checkpoint, not args.no_life)
    rows = [asyncio.run(most_sessions(engines.get(name), args.seconds)) for name in args.engines]
    report("sessions", rows)
    return 0


async def most_sessions(engine: Engine, seconds: float) -> dict[str, Any]:
    """Return the largest number of sessions that held their deadlines, and how late their frames were."""
    picture = read_picture(DEFAULT_FILE.read_bytes(), FaceFinder(), 1080)
    prepared = engine.prepare(Portrait("bench", "bench", picture.image, picture.mesh))
    held: dict[int, tuple[float, float]] = {}
    low, high = 0, 1
    while True:
        late, p99_ms = await trial(engine, prepared, high, seconds)
        if late > ALLOWED_LATE:
            break
        held[high], low, high = (late, p99_ms), high, high * 2
    while high - low > max(1, low // 16):
        middle = (low + high) // 2
        late, p99_ms = await trial(engine, prepared, middle, seconds)
        if late > ALLOWED_LATE:
            high = middle
        else:
            held[middle], low = (late, p99_ms), middle
    late, p99_ms = held.get(low, (1.0, float("nan")))
    return {"engine": engine.name, "sessions": low, "late_percent": round(100 * late, 2), "p99_ms": round(p99_ms, 1)}


async def trial(engine: Engine, prepared: Prepared, sessions: int, seconds: float) -> tuple[float, float]:
    """Return the share of frames that took longer than a slot from their window to their delivery, and the p99."""
    clock = MonotonicClock()
    worker = InferenceWorker(clock)
    worker.start()
    await worker.measure(engine, prepared)
    voices = [Voice(worker, engine, prepared, clock) for _ in range(sessions)]
    await asyncio.gather(*(voice.speak(seconds) for voice in voices))
    await asyncio.sleep(0.5)
    await worker.aclose()
    taken = sorted(ns for voice in voices for ns in voice.taken_ns)
    missing = sum(voice.sent for voice in voices) - len(taken)  # still waiting half a second later
    late = (missing + sum(ns > SLOT_NS for ns in taken)) / (missing + len(taken))
    return late, taken[int(0.99 * (len(taken) - 1))] / NS_PER_MS


class Voice:
    """One session's lane, fed with loud windows every 40 ms from a moment of its own on."""

    def __init__(self, worker: InferenceWorker, engine: Engine, prepared: Prepared, clock: MonotonicClock) -> None:
        self.taken_ns: list[int] = []
        self.sent = 0
        self._clock = clock
        self._due_ns = clock.now_ns() + random.randrange(SLOT_NS)
        self._span = engine.span
        self._lane: Lane = worker.open(engine, prepared, True, self._take, lambda error: None)
        self._lane.deadline_ns = lambda: self._due_ns
        self._lane.position = lambda: LATER + self.sent

    async def speak(self, seconds: float) -> None:
        """Send windows in time."""
        for _ in range(int(seconds * 1000 / SLOT_MS)):
            await self._clock.sleep_until(self._due_ns)
            self._due_ns += SLOT_NS
            self.sent += 1
            self._lane.submit([self._window()])

    def _window(self) -> Window:
        return loud_window(self._span)

    def _take(self, frames: list[TalkingFrame]) -> None:
        self.taken_ns += [self._clock.now_ns() - frame.journey.queued_ns for frame in frames]
