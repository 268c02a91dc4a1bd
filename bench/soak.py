"""``bench soak``: hours of visitors who come, go, are killed, stall, flood and upload, beside one who lives through it.

What it looks for: anything of the server that grows, anything left of those who have gone, and what the canary missed.
``docs/bench-service.md`` says what the canary's figures mean.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import httpx
import numpy as np
import uvloop
from numpy.typing import NDArray

from app.assets import DEFAULT_PICTURE
from app.clock import Clock, MonotonicClock
from app.media import NS_PER_S
from bench.crowd import Crowd
from bench.probes import Reading, look
from bench.report import machine
from bench.server import COMMAND, Served, environment_of, launch
from bench.singing import Singing
from bench.trend import Allowance, Trend, trend_of
from bench.visitors import Street

ALONE_S = 40.0  # until idle sessions have expired and memory was given back
WARM_UP_S = 30.0  # of a first crowd, before anything is compared
QUIET_S = 12.0  # after the last visitor of a pause has left: idle sessions expire, memory is given back
SHUT_S = 45.0  # that a pause waits for those inside
# what there may be more of at the end than at the beginning, with nobody there. Memory: prepared faces, and what lies
# between what is in use
LEFT = {"anonymous_mb": 100, "descriptors": 2, "sockets": 2, "tasks": 2, "children": 0, "temporary": 0}
# what may rise at rest, beside a canary. Free memory is given back where 96 MB have gathered: so much it wavers
ALLOWED = {
    "rss_mb": Allowance(an_hour=24, noise=48),
    "anonymous_mb": Allowance(an_hour=24, noise=48),
    "threads": Allowance(an_hour=2, noise=1.5),
    "descriptors": Allowance(an_hour=4, noise=2),
    "sockets": Allowance(an_hour=4, noise=2),
    "children": Allowance(an_hour=1, noise=0.5),
    "temporary": Allowance(an_hour=2, noise=1.5),
    "disk_mb": Allowance(an_hour=20, noise=10),
    "tasks": Allowance(an_hour=4, noise=2),
}
TRACEBACK = "Traceback (most recent call last)"


def main(arguments: list[str] | None = None) -> int:
    """Soak a server; the exit status is 0 where nothing grew and the canary missed nothing."""
    args = parse(arguments)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # peers that the bench itself kills complain there
    with _served(args) as (served, folder):
        told = uvloop.run(_Soak(args, served, folder).run())
        log = (folder / "server.log").read_text(errors="replace")
    told["tracebacks"] = log.count(TRACEBACK)
    told["log_bytes"] = len(log)
    if told["tracebacks"]:
        print(log[log.index(TRACEBACK) - 200 :][:3000], file=sys.stderr)
    told["verdict"] = _verdict(told)
    for name, trend in told["trends"].items():
        print(f"{name:14} {trend['verdict']:9} {trend['first']} -> {trend['last']}, {trend['slope_an_hour']:+} an hour")
    print(json.dumps({"bench": "soak", "machine": machine(), **told}))
    return 0 if told["verdict"] == "good" else 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(prog="bench soak")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--sessions", type=int, default=4, help="visitors at a time, beside the canaries")
    parser.add_argument("--floods", type=int, default=1, help="attackers at a time; 0: none")
    parser.add_argument("--canaries", nargs="*", default=["clapper"], metavar="ENGINE", help="who live through it")
    parser.add_argument("--every", type=float, default=15.0, metavar="S", help="seconds between two readings")
    parser.add_argument("--rest-every", type=float, default=300.0, metavar="S", help="between two pauses of the crowd")
    parser.add_argument("--window", type=float, default=60.0, metavar="S", help="of the canaries' figures")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


@contextmanager
def _served(args: argparse.Namespace) -> Iterator[tuple[Served, Path]]:
    """Serve, with a folder of its own for whatever it writes."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        settings = {
            "max_sessions": str(args.sessions + len(args.canaries) + 8),
            "idle_timeout_s": "30",
            "recordings_keep_days": "0.01",
        }
        environment = environment_of(folder / "data", settings) | {"TMPDIR": str(folder / "tmp")}
        with (folder / "server.log").open("w") as log:
            served = launch([*COMMAND, "--log-level", "warning", "serve"], environment, log=log)
        try:
            yield served, folder
        finally:
            served.stop()


@dataclass(frozen=True, slots=True)
class _Moment:
    """A reading and when it was taken; ``quiet``: with the canaries alone."""

    at_s: float
    quiet: bool
    reading: Reading


class _Soak:
    """One run. ``run`` returns all that was found."""

    def __init__(self, args: argparse.Namespace, served: Served, folder: Path) -> None:
        self._args, self._served, self._folder = args, served, folder
        self._clock: Clock = MonotonicClock()
        self._begun_ns = self._clock.now_ns()
        self._moments: list[_Moment] = []
        self._unanswered = 0

    async def run(self) -> dict[str, Any]:
        """Let them come for as long as was asked for."""
        args, served = self._args, self._served
        limits = httpx.Limits(max_keepalive_connections=0)  # no connection outlives its request, so none is counted
        async with httpx.AsyncClient(timeout=60, base_url=served.url, limits=limits, trust_env=False) as http:
            film = await asyncio.to_thread(make_film, self._folder / "film.mp4")
            street = Street(served.url, served.ws_url, http, self._clock, random.Random(args.seed), film, [])
            singing = Singing(served.ws_url, args.canaries, args.window, self._folder)
            crowd = Crowd(street, args.sessions, args.floods)
            await self._alone(http)  # when nobody is there, all that can be is given back: that is compared
            await crowd.one_of_each()
            before = await self._alone(http)
            singing.start()
            crowd.start()
            try:
                await asyncio.sleep(min(WARM_UP_S, args.minutes * 6))
                await self._let_come(crowd, http, singing)
                await crowd.pause(SHUT_S)
                await asyncio.sleep(QUIET_S)
                await self._read(http, quiet=True)
            finally:
                await crowd.aclose()
                await asyncio.to_thread(singing.stop)
            after = await self._alone(http)
        return self._told(crowd, street, singing) | {"alone_before": asdict(before), "alone": asdict(after)}

    async def _alone(self, http: httpx.AsyncClient) -> Reading:
        """Read what the server holds when nobody is there."""
        await asyncio.sleep(ALONE_S)
        return await look(http, self._served.pid, self._folder / "data", self._folder / "tmp")

    async def _let_come(self, crowd: Crowd, http: httpx.AsyncClient, singing: Singing) -> None:
        args, told_s, rested_s = self._args, 0.0, self._now_s()
        ends_s = self._now_s() + args.minutes * 60
        while self._now_s() < ends_s:
            await asyncio.sleep(args.every)
            await self._read(http, quiet=False)
            if self._now_s() - rested_s >= args.rest_every:
                await crowd.pause(SHUT_S)
                await asyncio.sleep(QUIET_S)
                await self._read(http, quiet=True)
                crowd.resume()
                rested_s = self._now_s()
            if self._now_s() - told_s >= 60:
                told_s = self._now_s()
                self._say_a_line(crowd, singing)

    async def _read(self, http: httpx.AsyncClient, quiet: bool) -> None:
        reading = await look(http, self._served.pid, self._folder / "data", self._folder / "tmp")
        self._unanswered += reading.tasks is None
        self._moments.append(_Moment(round(self._now_s(), 1), quiet, reading))

    def _say_a_line(self, crowd: Crowd, singing: Singing) -> None:
        last = self._moments[-1].reading
        sung = singing.summary()
        print(
            f"{self._now_s() / 60:6.1f} min  rss {last.rss_mb:.0f} MB  threads {last.threads}  "
            f"descriptors {last.descriptors}  tasks {last.tasks}  sessions {last.sessions}  "
            f"disk {last.disk_mb:.0f} MB  visits {crowd.visits}  "
            + "  ".join(f"{name}: {each['holes']} holes, {each['fps_min']} fps" for name, each in sung.items()),
            flush=True,
        )

    def _told(self, crowd: Crowd, street: Street, singing: Singing) -> dict[str, Any]:
        quiet = [moment for moment in self._moments if moment.quiet]
        return {
            "minutes": round(self._now_s() / 60, 1),
            "sessions": self._args.sessions,
            "visits": crowd.visits,
            "went": {name: dict(counts.most_common(8)) for name, counts in sorted(crowd.went.items())},
            "canaries": singing.summary(),
            "trends": {name: asdict(trend) for name, trend in _trends(quiet).items()},
            "crowded_trends": {
                name: asdict(trend) for name, trend in _trends([m for m in self._moments if not m.quiet]).items()
            },
            "at_rest": [{"at_s": moment.at_s, **asdict(moment.reading)} for moment in quiet],
            "peak_rss_mb": max(moment.reading.rss_mb for moment in self._moments),
            "unanswered_readings": self._unanswered,
            "problems": [text for text, _ in Counter(street.problems).most_common(20)],
        }

    def _now_s(self) -> float:
        return (self._clock.now_ns() - self._begun_ns) / NS_PER_S


def _trends(moments: list[_Moment]) -> dict[str, Trend]:
    found = {}
    for name, allowance in ALLOWED.items():
        known = [(m.at_s, getattr(m.reading, name)) for m in moments if getattr(m.reading, name) is not None]
        if known:
            found[name] = trend_of([at_s for at_s, _ in known], [value for _, value in known], allowance)
    return found


def _verdict(told: dict[str, Any]) -> str:
    """Return ``good``, or what is wrong, in words."""
    wrong = [f"{name} grows" for name, trend in told["trends"].items() if trend["verdict"] == "growing"]
    if told["alone"]["sessions"]:
        wrong.append("sessions are left")
    for name, spare in LEFT.items():
        if (told["alone"][name] or 0) - (told["alone_before"][name] or 0) > spare:
            wrong.append(f"{name} is left: {told['alone_before'][name]} before, {told['alone'][name]} after")
    if told["tracebacks"]:
        wrong.append("tracebacks in the log")
    if told["problems"]:
        wrong.append("problems")
    for name, sung in told["canaries"].items():
        if sung["lives"] != 1:
            wrong.append(f"the canary {name} died")
        if sung["holes"]:
            wrong.append(f"the canary {name} heard holes")
    return ", ".join(wrong) or "good"


def make_film(path: Path, frames: int = 50) -> Path:
    """Write two seconds of the default face, which moves a little, as an MP4."""
    picture = cv2.imread(str(DEFAULT_PICTURE))
    assert picture is not None
    picture = cv2.resize(picture, (384, 384), interpolation=cv2.INTER_AREA)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 384, 384, "yuv420p"
        for number in range(frames):
            moved = cv2.warpAffine(picture, _shift(number % 10 - 5), (384, 384), borderMode=cv2.BORDER_REPLICATE)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(moved.astype(np.uint8), format="bgr24")))
        film.mux(stream.encode(None))
    return path


def _shift(pixels: int) -> NDArray[np.float32]:
    return np.array([[1, 0, pixels], [0, 1, 0]], np.float32)
