"""``bench placement``: a simulation of placing sessions on stages, and the same against a real cluster (``--check``).

Each figure is a mean over seeds with its 95% interval. What is simulated is in ``docs/scale.md``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.placing.erlang import places_needed, refused_share
from bench.placing.plan import Faults, Fronts, Plan, Stages, Visitors
from bench.placing.reality import check
from bench.placing.simulation import simulate
from bench.placing.tally import Interval, figures, over_seeds
from bench.report import machine, print_table

HOUR_S = 3600.0
PLACES = 7  # of a stage of two cores at 768×768: measured
ONE_TRY = Fronts(count=1, patience_s=0.0)
ALIKE = Visitors(rate=1 / 6)  # 50 sessions of five minutes on average


def main(arguments: list[str] | None = None) -> int:
    """Simulate what is in the tables, or drive a real cluster and compare."""
    parser = argparse.ArgumentParser(prog="bench placement")
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--seeds", type=int, default=10, help="runs of each row")
    parser.add_argument("--hours", type=float, default=6, help="of each run; a day's table has a day")
    real = parser.add_argument_group("against a real cluster")
    real.add_argument("--check", action="store_true")
    real.add_argument("--url", help="of the front; without it a plain server is started, admission set aside")
    real.add_argument("--key", help="an API key, where there are keys")
    real.add_argument("--places", type=int, default=4, help="a stage has (LIPWIRE_MAX_SESSIONS)")
    real.add_argument("--stages", type=int, default=1, help="that there are, all the time")
    real.add_argument("--most", type=int, help="stages that autoscaling may make of them")
    real.add_argument("--rate", type=float, help="arrivals a second (as many as offer 90%% of all places)")
    real.add_argument("--mean", type=float, default=10, help="seconds of a session")
    real.add_argument("--crowd", type=int, default=0, help="so many come at once, half way")
    real.add_argument("--seconds", type=float, default=120)
    real.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(arguments)
    if args.check:
        return check(args)
    found = {name: TABLES[name](args.seeds, args.hours * HOUR_S) for name in args.tables}
    print(json.dumps({"bench": "placement", "machine": machine(), "seeds": args.seeds, "tables": found}))
    return 0


Row = dict[str, Any]


def run(plan: Plan, seeds: int, **labels: Any) -> tuple[Row, dict[str, Interval]]:
    """Simulate one row; returns its labels, and all its figures."""
    return dict(labels), over_seeds([figures(simulate(plan, seed), plan.settle_s) for seed in range(seeds)])


def row(plan: Plan, seeds: int, wanted: str, **labels: Any) -> Row:
    """Simulate one row with the figures that a table wants."""
    named, found = run(plan, seeds, **labels)
    return {**named, **{name: str(found[name]) for name in wanted.split()}}


def table(name: str, rows: list[Row]) -> list[Row]:
    """Print a table with its name."""
    print(f"\n{name}")
    print_table(rows)
    return rows


def erlang(seeds: int, seconds: float) -> list[Row]:
    """Fixed places, one try a visitor: beside the formula."""
    rows = []
    for stages, share in ((1, 0.5), (2, 0.6), (5, 0.7), (10, 0.8), (20, 0.85)):
        places = PLACES * stages
        visitors = replace(ALIKE, rate=share * places / ALIKE.mean_s)
        plan = Plan(visitors, Stages(PLACES, stages, stages), Fronts(count=2), seconds=seconds, settle_s=HOUR_S)
        by_formula = f"{refused_share(places, visitors.offered):.4f}"
        rows.append(row(plan, seeds, "refused", places=places, offered=round(visitors.offered, 1), erlang=by_formula))
    return table("fixed places: the share refused, beside Erlang's formula", rows)


def spare(seeds: int, seconds: float) -> list[Row]:
    """How many places are needed for an arrival rate."""
    rows = []
    for offered in (5, 20, 50, 200, 500):
        few, fewer = (places_needed(offered, share) for share in (0.01, 0.001))
        stages = -(-few // PLACES)
        visitors = Visitors(rate=offered / 300)
        fixed = Plan(visitors, Stages(PLACES, stages, stages), seconds=seconds, settle_s=HOUR_S)
        scaled = replace(fixed, stages=Stages(PLACES, 1, 1000))
        labels = {"a_minute": offered / 5, "offered": offered, "for_1%": few, "for_0.1%": fewer, "built": stages * 7}
        first, second = run(fixed, seeds)[1], run(scaled, seeds)[1]
        rows.append(
            {**labels, "refused": str(first["refused"]), "scaled_refused": str(second["refused"])}
            | {"scaled_spare": str(second["spare"]), "scaled_used": str(second["used"])}
        )
    return table("places for an arrival rate (sessions of 5 minutes): by formula, built in whole stages, scaled", rows)


def day(seeds: int, _seconds: float) -> list[Row]:
    """A day's curve, by what Serve is told."""
    visitors = Visitors(rate=1 / 6, swing=0.8)
    ways: dict[str, Stages] = {
        "fixed at 10": Stages(PLACES, 10, 10),
        "fixed at 15": Stages(PLACES, 15, 15),
        "as it is": Stages(PLACES, 2, 40, up_factor=4),
        "up factor 1": Stages(PLACES, 2, 40),
        "told each second": Stages(PLACES, 2, 40, told_s=1),
        "no machine at hand (90 s)": Stages(PLACES, 2, 40, machine_s=90),
        "Serve's delays (30 and 600 s, over 30 s)": Stages(PLACES, 2, 40, up_s=30, down_s=600, look_back_s=30),
        "target 0.9": Stages(PLACES, 2, 40, target=0.9),
        "target 0.6": Stages(PLACES, 2, 40, target=0.6),
        "down after 600 s": Stages(PLACES, 2, 40, down_s=600),
        "limit 16, though 7 fit": Stages(PLACES, 2, 40, limit=16),
    }
    wanted = "refused wait_p99_s used stages spare moved unmoved"
    rows = [row(Plan(visitors, stages), max(3, seeds // 2), wanted, way=way) for way, stages in ways.items()]
    return table("a day: 50 sessions on average, 90 at its height, 10 at its least", rows)


def crowd(seeds: int, _seconds: float) -> list[Row]:
    """Many at once; they try again each 5 s, for ten minutes."""
    rows = []
    ways: dict[str, tuple[Stages, Fronts]] = {
        "as it is": (Stages(PLACES, 4, 100, up_factor=4), Fronts()),
        "up factor 1": (Stages(PLACES, 4, 100), Fronts()),
        "told each second": (Stages(PLACES, 4, 100, told_s=1), Fronts()),
        "all wait 30 s at the front": (Stages(PLACES, 4, 100), Fronts(patience_s=30, queued=1000)),
        "both": (Stages(PLACES, 4, 100, told_s=1), Fronts(patience_s=30, queued=1000)),
        "no machine at hand (90 s)": (Stages(PLACES, 4, 100, machine_s=90), Fronts()),
        "the same, up factor 4": (Stages(PLACES, 4, 100, machine_s=90, up_factor=4), Fronts()),
    }
    for size in (20, 100, 300):
        visitors = Visitors(rate=0.05, crowd=size, crowd_at_s=1800, patience_s=600)
        for way, (stages, fronts) in ways.items():
            plan = Plan(visitors, stages, fronts, seconds=3600, settle_s=1500)
            rows.append(row(plan, seeds, "refused crowd_half_s crowd_most_s stages", crowd=size, way=way))
    return table("a crowd comes to 15 sessions on stages of 7: seconds until half of it, and 95%, are placed", rows)


def faults(seeds: int, seconds: float) -> list[Row]:
    """Stages die, far more often than they do: who comes back depends on the places that are free."""
    rows = []
    for share in (0.6, 0.75, 0.85, 0.95):
        for revival_s in (3.0, 30.0):
            visitors = replace(ALIKE, rate=share * 70 / ALIKE.mean_s)
            dying = Faults(stage_mean_s=2 * HOUR_S, front_mean_s=HOUR_S, revival_s=revival_s)
            plan = Plan(visitors, Stages(PLACES, 10, 10), faults=dying, seconds=seconds, settle_s=HOUR_S)
            labels, found = run(plan, seeds, offered_share=share, tries_for_s=revival_s)
            gone = found["lost"].mean / max(1.0, found["broken"].mean)
            figs = {name: str(found[name]) for name in ("refused", "broken", "lost", "back_p95_s")}
            rows.append({**labels, **figs, "lost_of_broken": round(gone, 3)})
    return table("ten stages of 7, each dies every two hours, each of two fronts every hour", rows)


def fronts(seeds: int, seconds: float) -> list[Row]:
    """More fronts, each with its own memory of queue lengths."""
    rows = []
    visitors = Visitors(rate=0.85 * 140 / 60, mean_s=60)
    for count in (1, 2, 8, 32):
        for dying in (False, True):
            failing = Faults(front_mean_s=600.0 * count) if dying else Faults()  # one every ten minutes
            plan = Plan(visitors, Stages(PLACES, 20, 20), Fronts(count), failing, seconds=seconds, settle_s=900)
            rows.append(row(plan, seeds, "refused wait_p99_s used", fronts=count, one_dies_each_10_min=dying))
    return table("twenty stages at 85%, two arrivals a second", rows)


TABLES: dict[str, Callable[[int, float], list[Row]]] = {
    each.__name__: each for each in (erlang, spare, day, crowd, faults, fronts)
}
