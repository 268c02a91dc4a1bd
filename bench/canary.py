"""One session that is watched for hours, as a process of its own: a JSON line a window on what it heard and saw.

``python -m bench.canary URL --engine clapper``. It ends with its standard input. What was received is judged by another
process, so that the microphone is not late; windows overlap, so that a tone is heard whole, each moment counts once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import uvloop

from app.clock import MonotonicClock
from app.media import NS_PER_MS, NS_PER_S, SAMPLE_RATE, SAMPLES_PER_PACKET
from bench.figures import FOUND_LATE, SessionFigures, Span, figures_of, percentile
from bench.guest import Guest, Record, Wish, all_heard
from bench.holes import listen
from bench.lip import LipReader, Reports, offsets_ms
from bench.microphone import CYCLE_CHUNKS
from bench.receiver import Receiver
from bench.timeline import Timeline
from bench.watch import undisturbed

STEPPING_BACK_S = 9  # before a window, so that its first tone is whole
AFTER_S = 3  # behind a window, so that a tone's end within it is heard before it is judged
SETTLE_S = 8.0
LOOK_NS = 200 * NS_PER_MS
AGAIN_S = 2.0  # after a session that ended
JITTER_MS = 8.0  # of a usual microphone's chunks


@dataclass(frozen=True, slots=True)
class Watched:
    """A window's share of the record, with all that is needed to judge it."""

    record: Record
    span: Span
    seen: Sequence[int]  # RTP timestamps of pictures that open the mouth
    reports: dict[str, tuple[int, int]]


def judge(watched: Watched) -> dict[str, Any]:
    """Return a window's figures."""
    figures = figures_of(watched.record, watched.span)
    offsets: list[float] = []
    if watched.seen:
        first = watched.record.voice[0].timestamp
        onsets = listen(Timeline(watched.record.voice).samples).onsets
        offsets = offsets_ms([first + at - FOUND_LATE for at in onsets], watched.seen, watched.reports, SAMPLE_RATE)
    return {
        **_told(figures),
        "offset_ms": percentile(offsets, 50),
        "offset_max_ms": percentile(list(map(abs, offsets)), 100),
    }


def _told(figures: SessionFigures) -> dict[str, Any]:
    wanted = ("holes", "excused", "hole_ms", "jumps", "tones", "lost_tones", "delay_p50_ms", "delay_p95_ms", "fps")
    more = ("lost_packets", "sender_late_p99_ms", "error", "server", "server_delay_ms")
    plain = figures.plain()
    return {name: plain[name] for name in (*wanted, *more)}


class Canary:
    """Lives as long as it is let; begins anew when its session ended."""

    def __init__(self, ws_url: str, engine: str, window_s: float) -> None:
        self._url, self._engine, self._window_ns = ws_url, engine, int(window_s * NS_PER_S)
        self._clock = MonotonicClock()
        self._begun_ns = self._clock.now_ns()
        self._lives = 0

    async def run(self, judges: ProcessPoolExecutor) -> None:
        """Sing until cancelled."""
        while True:
            self._lives += 1
            eye, reports = LipReader() if self._engine == "clapper" else None, Reports()
            receiver = Receiver(eye, reports.note)
            guest = Guest(self._url, Wish(self._engine, jitter_ms=JITTER_MS), self._clock, receiver)
            try:
                if await guest.join():
                    await all_heard([guest.record], self._clock)
                    await self._watch(guest.record, eye, reports, judges)
                self._tell(lives=self._lives, ended=guest.record.refused or guest.record.error or "gone")
            finally:
                await guest.leave()
            await asyncio.sleep(AGAIN_S)

    async def _watch(
        self, record: Record, eye: LipReader | None, reports: Reports, judges: ProcessPoolExecutor
    ) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(SETTLE_S)
        begin_ns = self._clock.now_ns()
        while record.error is None:
            end_ns = begin_ns + self._window_ns
            while record.error is None and self._clock.now_ns() < end_ns + AFTER_S * NS_PER_S:
                await self._clock.sleep_until(self._clock.now_ns() + LOOK_NS)
            if record.error is not None or not record.voice:
                return
            share = _share_of(record, begin_ns)
            watched = Watched(share, Span(begin_ns, end_ns), list(eye.onsets) if eye else [], dict(reports.latest))
            share.lost_packets = record.lost_packets
            self._tell(lives=self._lives, **await loop.run_in_executor(judges, judge, watched))
            begin_ns = end_ns

    def _tell(self, **figures: Any) -> None:
        at_s = round((self._clock.now_ns() - self._begun_ns) / NS_PER_S)
        print(json.dumps({"canary": self._engine, "at_s": at_s, **figures}), flush=True)


def _share_of(record: Record, begin_ns: int) -> Record:
    """Copy what a window from ``begin_ns`` on needs, and forget what no later one does."""
    since_ns = begin_ns - STEPPING_BACK_S * NS_PER_S
    del record.voice[: next((n for n, each in enumerate(record.voice) if each.arrived_ns >= since_ns), 0)]
    del record.pictures[: next((n for n, each in enumerate(record.pictures) if each.arrived_ns >= since_ns), 0)]
    del record.stats[: next((n for n, (at_ns, _) in enumerate(record.stats) if at_ns >= since_ns), 0)]
    # whole cycles: so the tone that is the n-th of what is left is the n-th of all but a number
    chunk_ns = SAMPLES_PER_PACKET * NS_PER_S // SAMPLE_RATE
    early = (record.sent[-1].whole_ns - since_ns) // chunk_ns + CYCLE_CHUNKS if record.sent else 0
    cycles = max(0, len(record.sent) - early) // CYCLE_CHUNKS
    return Record(
        wish=record.wish,
        started=record.started,
        sent=record.sent[cycles * CYCLE_CHUNKS :],
        voice=list(record.voice),
        pictures=list(record.pictures),
        stats=list(record.stats),
    )


async def _until_stdin_ends() -> None:
    await asyncio.to_thread(sys.stdin.read)


async def _live(canary: Canary, judges: ProcessPoolExecutor) -> None:
    singing = asyncio.create_task(canary.run(judges))
    ending = asyncio.create_task(_until_stdin_ends())
    await asyncio.wait({singing, ending}, return_when=asyncio.FIRST_COMPLETED)
    singing.cancel()
    await asyncio.gather(singing, return_exceptions=True)


def main(arguments: list[str] | None = None) -> int:
    """Live until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m bench.canary")
    parser.add_argument("url", help="ws://…/ws")
    parser.add_argument("--engine", default="clapper")
    parser.add_argument("--window", type=float, default=60.0, metavar="S")
    args = parser.parse_args(arguments)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=os.nice, initargs=(5,)) as judges, undisturbed():
        judges.submit(os.getpid).result()  # started and imported before anybody listens
        uvloop.run(_live(Canary(args.url, args.engine, args.window), judges))
    return 0


if __name__ == "__main__":
    sys.exit(main())
