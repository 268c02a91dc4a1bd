"""``bench siege``: a live neighbour on a server that is flooded, and the same neighbour while nobody floods it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvloop

from app.clock import Clock, MonotonicClock
from app.media import NS_PER_S
from bench.figures import SessionFigures, Span, figures_of
from bench.floods import FLOODS
from bench.guest import Guest, Wish, all_heard
from bench.processor import EVENT_LOOP, memory_mb, process_time
from bench.report import report
from bench.server import Served, server
from bench.watch import undisturbed

SETTLE_S, CONTROL_S = 4.0, 8.0
BEGINS_S = 3.0  # until the floods have all begun: they are processes that import first
MODEST = 1  # the floods' niceness: in truth they come from other machines; starved, they would flood nobody


@dataclass(frozen=True, slots=True)
class Siege:
    """What a neighbour had before and while others flooded. ``cores``: the event loop's time, of one core."""

    control: SessionFigures
    flooded: SessionFigures
    control_cores: float
    cores: float
    grown_mb: float

    def row(self) -> dict[str, Any]:
        """Return a table's row."""
        return {
            "fps_before": self.control.fps,
            "fps": self.flooded.fps,
            "holes_before": self.control.holes,
            "holes": self.flooded.holes,
            "lost_tones": self.flooded.lost_tones,
            "error": self.flooded.error or self.control.error,
            "loop_before": round(self.control_cores, 2),
            "loop": round(self.cores, 2),
            "grown_mb": round(self.grown_mb),
        }


async def besiege(served: Served, floods: Sequence[str], seconds: float, engine: str = "clapper") -> Siege:
    """Watch a neighbour, first alone, then beside floods."""
    clock = MonotonicClock()
    guest = Guest(served.ws_url, Wish(engine=engine), clock)
    with undisturbed():
        try:
            if not await guest.join():
                raise RuntimeError(f"the neighbour was not let in: {guest.record.refused or guest.record.error}")
            await all_heard([guest.record], clock)
            await _pause(clock, SETTLE_S)
            quiet, control_cores = await _spend(clock, served, CONTROL_S)
            before_mb = memory_mb(served.pid)
            async with attacking(served.url, floods, BEGINS_S + seconds):
                await _pause(clock, BEGINS_S)
                loud, cores = await _spend(clock, served, seconds)
                grown_mb = memory_mb(served.pid) - before_mb
            await _pause(clock, 0.2)
        finally:
            await guest.leave()
    figures = [figures_of(guest.record, span) for span in (quiet, loud)]
    return Siege(figures[0], figures[1], control_cores, cores, grown_mb)


@asynccontextmanager
async def attacking(url: str, floods: Sequence[str], seconds: float) -> AsyncIterator[None]:
    """Run floods in a process of their own."""
    command = [sys.executable, "-m", "bench.siege", "--against", url, "--seconds", str(seconds), *floods]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _spend(clock: Clock, served: Served, seconds: float) -> tuple[Span, float]:
    """Let time pass; returns it, and what the server's event loop took of it."""
    begin_ns, before = clock.now_ns(), process_time(served.pid)
    await _pause(clock, seconds)
    span = Span(begin_ns, clock.now_ns())
    return span, process_time(served.pid).since(before).groups_s[EVENT_LOOP] / span.seconds


async def _pause(clock: Clock, seconds: float) -> None:
    await clock.sleep_until(clock.now_ns() + int(seconds * NS_PER_S))


async def _attack(url: str, floods: Sequence[str], seconds: float) -> None:
    await asyncio.gather(*(FLOODS[name](url, seconds) for name in floods))


def main(arguments: list[str] | None = None) -> int:
    """Besiege a server of its own; ``--against`` floods another one, and watches nobody."""
    parser = argparse.ArgumentParser(prog="bench siege")
    parser.add_argument("floods", nargs="*", choices=[*FLOODS, []], help="all of them, without any")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--engine", default="clapper")
    parser.add_argument("--each", action="store_true", help="one after another, each against a server of its own")
    parser.add_argument("--against", metavar="URL")
    args = parser.parse_args(arguments)
    names: list[str] = args.floods or list(FLOODS)
    if args.against:
        os.nice(MODEST)
        uvloop.run(_attack(args.against, names, args.seconds))
        return 0
    rows = []
    for together in [[name] for name in names] if args.each else [names]:
        with server() as served:
            siege = uvloop.run(besiege(served, together, args.seconds, args.engine))
        row = {"floods": "+".join(together), **siege.row()}
        print("  ".join(f"{name}: {value}" for name, value in row.items()), flush=True)
        rows.append(row)
    report("siege", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
