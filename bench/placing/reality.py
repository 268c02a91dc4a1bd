"""The same arrivals against a real cluster, by its HTTP interface alone, beside what the simulation says of them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from app.clock import Clock, MonotonicClock
from app.media import NS_PER_S
from bench.figures import percentile
from bench.placing.arrivals import Arrival, arrivals
from bench.placing.plan import Fronts, Plan, Stages, Visitors
from bench.placing.simulation import simulate
from bench.placing.tally import Look, Tally, figures
from bench.report import machine, print_table
from bench.server import environment_of, running

DICE = 20  # runs of the simulation, with the same arrivals
LOOK_S = 1.0
QUIETLY = ["bench.openly", "--log-level", "warning", "serve"]
SLOW_S = 0.5  # to be placed, or for the bench to ask: no picture of a cluster that has the time it needs
SPREAD_SLACK = 0.3  # sessions
SHARE_SLACK, VISITORS_SLACK = 0.03, 2
GRACE_S = 60.0  # after which a session that was left behind ends by itself


@dataclass(slots=True)
class Seen:
    """What visitors saw: answers by their code, waits, and at each look the sessions of each stage."""

    codes: Counter[str] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    leaves_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)  # how late the bench itself asked
    looks: list[Look] = field(default_factory=list)
    inside: Counter[str] = field(default_factory=Counter)

    @property
    def refused(self) -> float:
        """The share of those who came."""
        return 1 - self.codes["made"] / max(1, self.codes.total())


def check(args: argparse.Namespace) -> int:
    """Drive a cluster, and compare; 1 where the two do not agree, and the machine had time for the real one."""
    rate = args.rate if args.rate is not None else 0.9 * args.places * args.stages / args.mean
    visitors = Visitors(rate, args.mean, sigma=0.8, crowd=args.crowd, crowd_at_s=args.seconds / 2)
    # a plain server has no router in which somebody could wait
    fronts = Fronts(patience_s=2.0) if args.url else Fronts(patience_s=0.0)
    plan = Plan(visitors, Stages(args.places, args.stages, args.most or args.stages), fronts, seconds=args.seconds)
    with _served(args.url, args.places) as url:
        seen = asyncio.run(Street(url, args.key, MonotonicClock()).run(plan, args.seed))
    # a place is taken while its session is being made and ended, which short sessions feel: as long as it took here
    fronts = replace(fronts, making_s=_most_of(seen.waits_s), leaving_s=_most_of(seen.leaves_s))
    plan = replace(plan, fronts=fronts)
    runs = [simulate(plan, args.seed, dice) for dice in range(DICE)]
    rows = compare(seen, runs, plan)
    print_table(rows)
    verdict = verdict_of(seen, rows)
    waits = {"wait_p50_s": percentile(seen.waits_s, 50), "wait_p99_s": percentile(seen.waits_s, 99)}
    about = {"codes": dict(seen.codes), "asked_late_s": round(max(seen.late_s, default=0.0), 3), **waits}
    print(json.dumps({"bench": "placement check", "machine": machine(), "verdict": verdict, "rows": rows, **about}))
    return 1 if verdict == "differs" else 0


def verdict_of(seen: Seen, rows: list[dict[str, object]]) -> str:
    """Return ``agrees``, ``differs``, or ``starved`` where the machine had no time: nobody can say then."""
    if all(row["agrees"] for row in rows):
        return "agrees"
    slow = (percentile(seen.waits_s, 50) or 0.0) > SLOW_S or max(seen.late_s, default=0.0) > SLOW_S
    return "starved" if slow or seen.codes["server_busy"] else "differs"


def compare(seen: Seen, runs: list[Tally], plan: Plan) -> list[dict[str, object]]:
    """Return each figure of the real run beside the simulation's least and most.

    The arrivals are the same, so chance has little room: only where one that leaves meets one that comes within
    milliseconds, either may win. That is a visitor or two, not what chance gives a share of so few.
    """
    slack = max(SHARE_SLACK, VISITORS_SLACK / max(1, seen.codes.total()))
    shares = [figures(run, 0.0)["refused"] for run in runs]
    rows: list[dict[str, object]] = [_row("refused", seen.refused, shares, slack)]
    means = [_mean_sessions(run.looks) for run in runs]
    rows.append(_row("sessions", _mean_sessions(seen.looks), means, 0.05 * plan.stages.places * plan.stages.least))
    uneven = [_mean_spread(run.looks) for run in runs]
    rows.append(_row("spread over stages", _mean_spread(seen.looks), uneven, SPREAD_SLACK))
    apart = _apart(seen.looks, runs)
    rows.append({"figure": "sessions at a moment, apart", "real": round(apart, 3), "least": 0.0, "most": 1.0}
                | {"agrees": apart <= 1.0})  # fmt: skip
    return rows


class Street:
    """Visitors who come when the simulation's would, and ask once."""

    def __init__(self, url: str, key: str | None, clock: Clock) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._url, self._clock = url.rstrip("/"), clock
        self._http = httpx.AsyncClient(
            headers=headers, timeout=30, limits=httpx.Limits(max_connections=None), follow_redirects=False
        )
        self._seen = Seen()

    async def run(self, plan: Plan, seed: int) -> Seen:
        """Let all come; returns what they saw, once the time is over and all have left."""
        async with self._http:
            self._begun_ns = self._clock.now_ns()
            looking = asyncio.create_task(self._look(plan))
            visits = [
                asyncio.create_task(self._visit(each, plan)) for each in arrivals(plan.visitors, plan.seconds, seed)
            ]
            await asyncio.gather(looking, *visits)
        return self._seen

    def _now_s(self) -> float:
        return (self._clock.now_ns() - self._begun_ns) / NS_PER_S

    async def _until(self, at_s: float) -> None:
        await self._clock.sleep_until(self._begun_ns + int(at_s * NS_PER_S))

    async def _visit(self, arrival: Arrival, plan: Plan) -> None:
        await self._until(arrival.at_s)
        seen, asked_s = self._seen, self._now_s()
        seen.late_s.append(asked_s - arrival.at_s)
        wish = {"engine": "clapper", "idle_timeout_s": plan.seconds + GRACE_S}
        answer = await self._http.post(f"{self._url}/api/sessions", json=wish)
        if answer.status_code != 201:
            seen.codes[_code_of(answer)] += 1
            return
        seen.codes["made"] += 1
        made_s = self._now_s()
        seen.waits_s.append(made_s - asked_s)
        made = answer.json()
        stage = urlsplit(made["feed"]["url"]).netloc
        seen.inside[stage] += 1
        await self._until(min(made_s + arrival.length_s, plan.seconds))
        left_s = self._now_s()
        await self._delete(made["id"])
        seen.leaves_s.append(self._now_s() - left_s)
        seen.inside[stage] -= 1

    async def _delete(self, session: str) -> None:
        """End it where it is: a key does not follow to another origin by itself."""
        answer = await self._http.delete(f"{self._url}/api/sessions/{session}")
        if answer.status_code == 307:
            answer = await self._http.delete(answer.headers["location"])
        if answer.status_code not in (204, 404):
            self._seen.codes[f"delete {_code_of(answer)}"] += 1

    async def _look(self, plan: Plan) -> None:
        for second in range(int(plan.seconds / LOOK_S)):
            await self._until(second * LOOK_S)
            counts = tuple(sorted(self._seen.inside.values()))
            self._seen.looks.append(Look(second * LOOK_S, sum(counts), len(counts), 0, 0, counts))


@contextlib.contextmanager
def _served(url: str | None, places: int) -> Iterator[str]:
    if url is not None:
        yield url
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        running(QUIETLY, environment_of(Path(folder), {"max_sessions": str(places)})) as served,
    ):
        yield served.url


def _most_of(times_s: list[float]) -> tuple[float, float]:
    """Return between which two most of them lie."""
    return percentile(times_s, 10) or 0.0, percentile(times_s, 90) or 0.0


def _row(figure: str, real: float, simulated: list[float], slack: float) -> dict[str, object]:
    least, most = min(simulated), max(simulated)
    agrees = least - slack <= real <= most + slack
    return {
        "figure": figure,
        "real": round(real, 3),
        "least": round(least, 3),
        "most": round(most, 3),
        "agrees": agrees,
    }


def _mean_sessions(looks: list[Look]) -> float:
    return sum(look.sessions for look in looks) / max(1, len(looks))


def _mean_spread(looks: list[Look]) -> float:
    """Return how far the fullest stage is from the emptiest one of those that were ever used, on average."""
    width = max((len(look.each) for look in looks), default=0)
    spreads = [max(look.each) - (min(look.each) if len(look.each) == width else 0) for look in looks if look.each]
    return sum(spreads) / max(1, len(spreads))


def _apart(looks: list[Look], runs: list[Tally]) -> float:
    """Return by how many sessions the real run lies outside the simulated ones, on average over time."""
    outside = 0.0
    for index, look in enumerate(looks):
        there = [run.looks[index].sessions for run in runs]
        outside += max(0, min(there) - look.sessions, look.sessions - max(there))
    return outside / max(1, len(looks))


def _code_of(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)
