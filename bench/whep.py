"""``bench whep``: what many viewers of one session cost, beside one, and how soon a late one sees a picture.

``of_which`` are the server's threads; what feeding does to them is the difference between the face's two moods.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from dataclasses import asdict
from typing import Any

import httpx
import uvloop

from app.clock import Clock, MonotonicClock
from bench.figures import percentile
from bench.processor import machine_busy_s, process_time
from bench.report import report
from bench.server import Served, server
from bench.service import upload_default
from bench.whep_guest import First, WhepGuest, feed

SETTLE_S = 4
MOST_CORES, LATEST_MS = 1.0, 500  # of 20 viewers; from the answer to the first picture


def main(arguments: list[str] | None = None) -> int:
    """Watch a session alone and in company, at rest and while it speaks."""
    parser = argparse.ArgumentParser(prog="bench whep")
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=15, help="of each row, after its first 4 s")
    parser.add_argument("--engine", default="portrait")
    parser.add_argument("--size", type=int, default=512, help="pixels of the default face's side")
    args = parser.parse_args(arguments)
    with server() as served:
        avatar = upload_default(served.url, args.size)
        rows, firsts = uvloop.run(Bench(served, args.seconds, MonotonicClock()).run(args.viewers, args.engine, avatar))
    crowd = [row for row in rows if row["viewers"] == args.viewers]
    alone = [row for row in rows if row["viewers"] == 1]
    more = max(1, args.viewers - 1)
    per_viewer = [round((many["cores"] - one["cores"]) / more, 4) for many, one in zip(crowd, alone, strict=True)]
    waits = [first.from_answer_ms for first in firsts]
    verdict = {
        "cores_most": max(row["cores"] for row in crowd),
        "cores_bar": MOST_CORES,
        "encoder_cores": max(row["of_which"].get("encoder", 0.0) for row in crowd),
        "cores_a_viewer_more": dict(zip([row["face"] for row in crowd], per_viewer, strict=True)),
        "first_picture_p50_ms": percentile(waits, 50),
        "first_picture_max_ms": percentile(waits, 100),
        "first_picture_bar_ms": LATEST_MS,
        "first_is_key_frame": all(first.key_frame for first in firsts),
    }
    report("whep", rows, **verdict, firsts=[asdict(first) for first in firsts])
    return 0


class Bench:
    """One session on one server."""

    def __init__(self, served: Served, seconds: float, clock: Clock) -> None:
        self._served, self._seconds, self._clock = served, seconds, clock
        self._guests: list[WhepGuest] = []
        self._firsts: list[First] = []

    async def run(self, viewers: int, engine: str, avatar: str) -> tuple[list[dict[str, Any]], list[First]]:
        """Return a row for each crowd and mood, and each viewer's first picture."""
        async with httpx.AsyncClient(timeout=30) as http:
            wish = {"engine": engine, "avatar": avatar, "mode": "agent"}
            answer = await http.post(f"{self._served.url}/api/sessions", json=wish)
            answer.raise_for_status()
            made = answer.json()
            rows = [await self._measured("rest")]
            await self._join(http, made, 1)
            rows.append(await self._measured("rest"))
            await self._join(http, made, viewers - 1)
            rows.append(await self._measured("rest"))
            feeding = asyncio.create_task(feed(self._served.ws_url, made, 6 * self._seconds + 60))
            rows.append(await self._measured("speaks"))
            for guest in self._guests[1:]:
                await guest.leave()
            del self._guests[1:]
            rows.append(await self._measured("speaks"))
            await self._guests[0].leave()
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
        return rows, self._firsts

    async def _join(self, http: httpx.AsyncClient, made: dict[str, Any], count: int) -> None:
        for _ in range(count):
            guest = WhepGuest(http, self._clock)
            self._guests.append(guest)
            self._firsts.append(await guest.watch(made["view"]["whep"], made["view"]["token"]))

    async def _measured(self, face: str) -> dict[str, Any]:
        await asyncio.sleep(SETTLE_S)
        receivers = [guest.receiver for guest in self._guests]
        seen = [(len(each.pictures), each.lost_packets) for each in receivers]
        pid, own_pid = self._served.pid, os.getpid()
        before, machine, own = process_time(pid), machine_busy_s(), process_time(own_pid)
        begun_ns = self._clock.now_ns()
        await asyncio.sleep(self._seconds)
        seconds = (self._clock.now_ns() - begun_ns) / 1e9
        used, own_s = process_time(pid).since(before), process_time(own_pid).since(own).total_s
        machine_s = machine_busy_s() - machine
        groups = {name: round(s / seconds, 3) for name, s in sorted(used.groups_s.items()) if s / seconds >= 0.001}
        taken = [each.pictures[was:] for each, (was, _) in zip(receivers, seen, strict=True)]
        sizes = [sum(picture.size for picture in pictures) for pictures in taken]
        return {
            "viewers": len(receivers),
            "face": face,
            "cores": round(used.total_s / seconds, 3),
            "fps_min": round(min(map(len, taken), default=0) / seconds, 1),
            "kbit_s": round(sum(sizes) * 8 / 1000 / seconds / max(1, len(sizes))),
            "lost": sum(each.lost_packets - was for each, (_, was) in zip(receivers, seen, strict=True)),
            "bench": round(own_s / seconds, 2),
            "elsewhere": round((machine_s - used.total_s - own_s) / seconds, 2),
            "of_which": groups,
        }
