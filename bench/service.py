"""``bench service``: whole WebRTC sessions against a real server: holes, delay, frame rate, and processor time.

What each figure means is in ``docs/bench-service.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import uvloop

from app.assets import DEFAULT_PICTURE
from bench.film import render_film
from bench.guest import Wish
from bench.report import report
from bench.server import Served, running, server
from bench.trial import Trial, Verdict
from bench.watch import run

NATIVE_SIDE = 768  # of the default face
ROOM = 4  # places a server has beyond those asked for, so that none is refused by a setting
REST_S = 10  # from the last one's leaving until as many ask again
UPLOAD_TIMEOUT_S = 60
STARVED_TRIES = 4  # of a number, before the search gives up
STOCK_BITRATE = 1_500_000  # what aiortc caps VP8 at: the comparison is at the same


def main(arguments: list[str] | None = None) -> int:
    """Watch a number of sessions, or find the largest number without a hole."""
    args = parse(arguments)
    bench = Bench(args)
    most: dict[str, Any] = {}
    if args.at_once:
        bench.at_once(args.at_once)
    elif args.baseline:
        most = bench.against_stock(args.sessions or 4)
    elif args.sessions:
        for jitter_ms in args.jitter_ms:
            bench.once(args.sessions, jitter_ms)
    else:
        most = bench.search(args.most, args.tries, args.jitter_ms[0])
    report("service", bench.rows, **most, trials=bench.info)
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(prog="bench service")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--sessions", type=int, help="so many, once a jitter; without it, the most are looked for")
    what.add_argument("--at-once", type=int, metavar="N", help="N ask at once, and again after all have left")
    parser.add_argument("--baseline", action="store_true", help="--sessions (4) beside stock aiortc, before and after")
    parser.add_argument("--most", type=int, default=12, help="where the search ends")
    parser.add_argument("--tries", type=int, default=2, help="a number may take; the machine has others to serve")
    parser.add_argument("--seconds", type=float, default=30, help="of each trial, after its first 5 s")
    parser.add_argument("--engine", default="portrait")
    parser.add_argument("--avatar", default="default")
    parser.add_argument("--size", type=int, default=NATIVE_SIDE, help="pixels of the default face's side")
    parser.add_argument("--jitter-ms", type=float, nargs="+", default=[0], help="a chunk of sound is late by 0 to this")
    parser.add_argument("--bitrate", type=int, help="cap of the pictures, bits a second (the server's own)")
    parser.add_argument("--phase", choices=["random", "same"], default="random", help="when tones and chunks begin")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


class Bench:
    """Runs trials, each against a server of its own; ``rows`` and ``info`` have one entry a trial."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.rows: list[dict[str, Any]] = []
        self.info: list[dict[str, Any]] = []

    def once(self, sessions: int, jitter_ms: float) -> Trial:
        """Let so many come one after another."""
        with self._served(sessions) as (served, avatar):
            trial = uvloop.run(run(served, self._wishes(sessions, jitter_ms, avatar), self._args.seconds))
        return self._noted("service", jitter_ms, trial)

    def search(self, most: int, tries: int, jitter_ms: float) -> dict[str, Any]:
        """Return the largest number of sessions that is good, and whether the next one was bad or nobody can say."""
        for sessions in range(1, most + 1):
            found: Counter[Verdict] = Counter()
            while not found[Verdict.GOOD] and found[Verdict.BAD] < tries and found[Verdict.STARVED] < STARVED_TRIES:
                found[self.once(sessions, jitter_ms).verdict] += 1
            if not found[Verdict.GOOD]:
                return {"most_sessions": sessions - 1, "ended": "bad" if found[Verdict.BAD] >= tries else "starved"}
        return {"most_sessions": most, "ended": "most"}

    def at_once(self, sessions: int) -> None:
        """Let so many ask at once, and again 10 s after all have left."""
        jitter_ms = self._args.jitter_ms[0]

        async def both(served: Served, avatar: str) -> list[Trial]:
            wishes = self._wishes(sessions, jitter_ms, avatar)
            first = await run(served, wishes, self._args.seconds, at_once=True)
            await asyncio.sleep(REST_S)
            return [first, await run(served, wishes, self._args.seconds, at_once=True)]

        with self._served(sessions) as (served, avatar):
            for what, trial in zip(("at once", "again"), uvloop.run(both(served, avatar)), strict=True):
                self._noted(what, jitter_ms, trial)

    def against_stock(self, sessions: int) -> dict[str, float]:
        """Return processor time a session as a share of what stock aiortc takes, before and after, for the pictures."""
        with tempfile.TemporaryDirectory() as folder:
            film = render_film(Path(folder), self._args.size)
            before = self._stock(film, sessions)
            ours = self.once(sessions, self._args.jitter_ms[0])
            after = self._stock(film, sessions)
        stock = (before.cores_a_session + after.cores_a_session) / 2
        return {"stock_cores_a_session": round(stock, 3), "times_stock": round(ours.cores_a_session / stock, 2)}

    def _stock(self, film: Path, sessions: int) -> Trial:
        wishes = [Wish(speaks=False) for _ in range(sessions)]
        with running(["bench.stock", str(film)]) as served:
            return self._noted("stock", 0, uvloop.run(run(served, wishes, self._args.seconds)))

    @contextmanager
    def _served(self, sessions: int) -> Iterator[tuple[Served, str]]:
        """Serve, with the face that is wanted; gives its id too."""
        args = self._args
        bitrate = args.bitrate or (STOCK_BITRATE if args.baseline else None)
        settings = {"max_sessions": str(sessions + ROOM), **({"video_bitrate": str(bitrate)} if bitrate else {})}
        with server(**settings) as served:
            fits = args.avatar != "default" or args.size == NATIVE_SIDE
            yield served, args.avatar if fits else upload_default(served.url, args.size)

    def _wishes(self, sessions: int, jitter_ms: float, avatar: str) -> list[Wish]:
        dice = random.Random(1000 * self._args.seed + sessions)
        fields: dict[str, Any] = {"engine": self._args.engine, "avatar": avatar, "jitter_ms": jitter_ms}
        if self._args.phase == "same":
            return [Wish(seed=dice.randrange(1 << 30), **fields) for _ in range(sessions)]
        return [Wish.random(dice, **fields) for _ in range(sessions)]

    def _noted(self, what: str, jitter_ms: float, trial: Trial) -> Trial:
        row = {"what": what, "jitter_ms": jitter_ms, **trial.row()}
        if what == "stock":
            row["verdict"] = ""  # it says its own tone, and hears nobody
        print("  ".join(f"{name}: {value}" for name, value in row.items()), flush=True)
        self.rows.append(row)
        self.info.append({"what": what, **trial.info()})
        return trial


def upload_default(url: str, side: int) -> str:
    """Upload the default face at another size; returns the avatar's id."""
    picture = cv2.imread(str(DEFAULT_PICTURE))
    assert picture is not None
    scaled = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    png = cv2.imencode(".png", scaled)[1].tobytes()
    answer = httpx.post(f"{url}/api/avatars", files={"image": ("face.png", png, "image/png")}, timeout=UPLOAD_TIMEOUT_S)
    answer.raise_for_status()
    return str(answer.json()["id"])
