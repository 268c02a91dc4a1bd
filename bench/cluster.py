"""``bench cluster``: what a stage adds to a voice's path, beside the plain service; two stages; and a stage's death.

Both run all the time, and one of them is measured at a time, in turns. What each figure means is in ``docs/scale.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import uvloop

from app.clock import Clock, MonotonicClock
from app.media import NS_PER_S
from bench.clustered import cluster
from bench.death import killed
from bench.fed_guest import FedGuest
from bench.figures import SessionFigures, Span, figures_of, percentile
from bench.guest import Wish, all_heard
from bench.listeners import listener
from bench.processor import machine_busy_s, process_time
from bench.report import report
from bench.server import server
from bench.service import NATIVE_SIDE, upload_default
from bench.watch import undisturbed

SETTLE_S, BETWEEN_PINGS_S, LAST_SOUND_S = 4.0, 0.2, 0.2
BAR, HELD_BAR, BACK_BAR_S = 1.1, 0.9, 3.0


@dataclass(frozen=True, slots=True)
class Side:
    """What is measured: its name, its address, and the avatar that faces have there."""

    name: str
    url: str
    avatar: str = "default"


def main(arguments: list[str] | None = None) -> int:
    """Measure in turns, then two stages, then a death."""
    parser = argparse.ArgumentParser(prog="bench cluster")
    parser.add_argument("--plain", metavar="URL", help="a plain server on this machine; without it one is started")
    parser.add_argument("--front", metavar="URL", help="a cluster's front on this machine, of two stages; likewise")
    parser.add_argument("--rounds", type=int, default=4, help="each measures the plain service and a stage")
    parser.add_argument("--seconds", type=float, default=12, help="of each measurement, after its first 4 s")
    parser.add_argument("--sessions", type=int, default=2, help="on the plain service; twice as many on two stages")
    parser.add_argument("--kills", type=int, default=3, help="of a stage; 0 for a cluster that others use")
    parser.add_argument("--engine", default="clapper")
    parser.add_argument("--size", type=int, default=256, help="pixels of the default face's side")
    args = parser.parse_args(arguments)
    with sides(args) as (plain, front):
        bench = Bench(plain, front, args.engine, args.seconds, MonotonicClock())
        rows = uvloop.run(bench.run(args.rounds, args.sessions, args.kills))
    report("cluster", rows, **verdict(rows), deaths=bench.deaths, each=bench.each)
    return 0


@contextlib.contextmanager
def sides(args: argparse.Namespace) -> Iterator[tuple[Side, Side]]:
    """Give both, started where they are not given."""
    with contextlib.ExitStack() as stack:
        settings = {"max_sessions": str(max(4, 2 * args.sessions)), "engine": args.engine}
        plain = args.plain or stack.enter_context(server(**settings)).url
        front = args.front or stack.enter_context(cluster(2, **settings)).url
        plain, front = plain.rstrip("/"), front.rstrip("/")
        yield Side("plain", plain, face(plain, args.size)), Side("stages", front, face(front, args.size))


def face(url: str, side: int) -> str:
    """Return an avatar of that size."""
    return "default" if side == NATIVE_SIDE else upload_default(url, side)


def verdict(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the ratios, each of medians over the rounds: a stage over the plain service."""

    def ratio(name: str, what: str) -> float | None:
        plain, stages = ([row[name] for row in rows if row["side"] == side and row["what"] == what and row[name]]
                         for side in ("plain", "stages"))  # fmt: skip
        return round(statistics.median(stages) / statistics.median(plain), 3) if plain and stages else None

    dearer = ratio("cores_a_session", "held")
    return {
        "round_trip_ratio": ratio("ping_p50_ms", "voice"),
        "delay_ratio": ratio("delay_p50_ms", "voice"),
        "ratio_bar": BAR,
        "cores_ratio": ratio("cores_a_session", "voice"),
        "held_by_two_over_twice_one": round(1 / dearer, 3) if dearer else None,
        "held_bar": HELD_BAR,
    }


class Bench:
    """Measures one side at a time."""

    def __init__(self, plain: Side, front: Side, engine: str, seconds: float, clock: Clock) -> None:
        self._plain, self._front, self._engine = plain, front, engine
        self._seconds, self._clock, self._dice = seconds, clock, random.Random(1)
        self.each: list[dict[str, Any]] = []
        self.deaths: list[dict[str, Any]] = []

    async def run(self, rounds: int, sessions: int, kills: int) -> list[dict[str, Any]]:
        """Return a row a measurement."""
        rows = []
        limits = httpx.Limits(max_keepalive_connections=0)  # a stage that is killed takes its connections with it
        async with httpx.AsyncClient(timeout=30, follow_redirects=True, limits=limits) as http:
            for turn in range(rounds):
                for side in (self._plain, self._front)[:: 1 if turn % 2 else -1]:
                    rows.append(await self._measured(http, side, "voice", 1))
            for turn in range(rounds):
                held = [(self._plain, sessions), (self._front, 2 * sessions)]
                for side, count in held[:: 1 if turn % 2 else -1]:
                    rows.append(await self._measured(http, side, "held", count))
            for _ in range(kills):
                self.deaths.append(await killed(http, self._front.url, self._front.avatar, self._engine, self._clock))
                print(self.deaths[-1], flush=True)
        return rows

    async def _measured(self, http: httpx.AsyncClient, side: Side, what: str, count: int) -> dict[str, Any]:
        wishes = [Wish.random(self._dice, engine=self._engine, avatar=side.avatar) for _ in range(count)]
        guests = [FedGuest(http, side.url, wish, self._clock) for wish in wishes]
        pings: list[float] = []
        with undisturbed():
            try:
                joined = [guest for guest in guests if await guest.join()]
                await all_heard([guest.record for guest in joined], self._clock)
                await asyncio.sleep(SETTLE_S)
                stages = Counter(guest.stage for guest in joined)
                pids = {listener(url) for url in stages}
                begin_ns, before, busy = self._clock.now_ns(), _used_s(pids), machine_busy_s()
                while self._clock.now_ns() < begin_ns + self._seconds * NS_PER_S:
                    pings += [await guest.round_trip_ms() for guest in joined]
                    await asyncio.sleep(BETWEEN_PINGS_S)
                span, used_s = Span(begin_ns, self._clock.now_ns()), _used_s(pids) - before
                busy_s = machine_busy_s() - busy
                await asyncio.sleep(LAST_SOUND_S)
            finally:
                await asyncio.gather(*(guest.leave() for guest in guests))
        seen = [figures_of(guest.record, span) for guest in joined]
        self.each += [{"side": side.name, "what": what, **each.plain()} for each in seen]
        row = _row(side, what, guests, seen)
        row |= {
            "on": sorted(stages.values()),
            "ping_p50_ms": percentile_fine(pings, 50),
            "ping_p95_ms": percentile_fine(pings, 95),
            "cores_a_session": round(used_s / span.seconds / max(1, len(joined)), 4),
            "busy": round(busy_s / span.seconds, 2),
        }
        print("  ".join(f"{name}: {value}" for name, value in row.items()), flush=True)
        return row


def _row(side: Side, what: str, guests: list[FedGuest], seen: list[SessionFigures]) -> dict[str, Any]:
    return {
        "side": side.name,
        "what": what,
        "asked": len(guests),
        "admitted": len(seen),
        "refused": sorted({guest.record.refused or guest.record.error or "" for guest in guests} - {""}),
        "placed_ms": percentile([guest.placed_ms for guest in guests], 50),
        "holes": sum(each.holes for each in seen),
        "fps_min": min((each.fps for each in seen), default=0.0),
        "delay_p50_ms": percentile([each.delay_p50_ms for each in seen], 50),
        "delay_p95_ms": percentile([each.delay_p95_ms for each in seen], 100),
    }


def percentile_fine(values: list[float], percent: float) -> float | None:
    """Return a percentile in µs: a round trip is less than a millisecond."""
    return round(sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))], 3) if values else None


def _used_s(pids: set[int]) -> float:
    return sum(process_time(pid).total_s for pid in pids)
