from __future__ import annotations

from dataclasses import replace

import pytest

from app.sessions.admission import SessionLoad
from bench.placing.cluster import Cluster
from bench.placing.erlang import refused_share
from bench.placing.plan import Faults, Fronts, Plan, Stages, Visitors, places_of
from bench.placing.simulation import simulate
from bench.placing.tally import Interval, figures, over_seeds

ONE_TRY = Fronts(count=1, patience_s=0.0, queued=10**9)
ROUGH = Plan(
    Visitors(rate=0.3, mean_s=120, swing=0.5, crowd=60, crowd_at_s=1500, patience_s=60),
    Stages(places=5, least=2, most=12, down_s=30, move_s=20),
    Fronts(count=2),
    Faults(stage_mean_s=1800, front_mean_s=600, front_back_s=4),
    seconds=4000,
)


@pytest.mark.parametrize("seed", range(4))
def test_everybody_is_placed_refused_or_still_waits_and_no_stage_is_above_its_places(seed: int) -> None:
    inside: list[int] = []

    def look(cluster: Cluster) -> None:
        for stage in cluster.stages():
            assert len(stage.sessions) <= stage.places
            assert stage.ongoing <= stage.limit
            assert len(stage.stand_ins) <= stage.orphans
        inside[:] = [sum(len(stage.sessions) for stage in cluster.stages())]

    tally = simulate(ROUGH, seed, watch=look)
    waiting = tally.came - tally.placed - tally.refused
    assert 0 <= waiting <= 10
    assert abs(tally.placed - tally.ended - tally.lost - inside[0]) <= 5  # some moved or came back at that moment
    assert tally.counted["broken"] and tally.counted["fronts_lost"] and tally.counted["moved"] and tally.refused


def test_a_quiet_run_counts_exactly() -> None:
    tally = simulate(replace(ROUGH, visitors=replace(ROUGH.visitors, sigma=0), faults=Faults(), seconds=20_000), 1)
    assert 0 <= tally.came - tally.placed - tally.refused <= 1  # one may be asking at the end
    assert tally.placed == tally.ended + tally.looks[-1].sessions


def test_the_same_seed_gives_the_same_run() -> None:
    first, second, other = (figures(simulate(ROUGH, seed), 0) for seed in (1, 1, 2))
    assert repr(first) == repr(second) != repr(other)


@pytest.mark.parametrize("sigma", [0.0, 1.0])
@pytest.mark.parametrize(("places", "rate"), [(8, 0.05), (8, 0.1)])
def test_fixed_places_refuse_what_erlang_says_whatever_the_lengths(places: int, rate: float, sigma: float) -> None:
    visitors = Visitors(rate=rate, mean_s=100, sigma=sigma)
    plan = Plan(visitors, Stages(places, 1, 1), ONE_TRY, seconds=40_000, settle_s=2000)
    found = Interval.of([figures(simulate(plan, seed), plan.settle_s)["refused"] for seed in range(4)])
    assert abs(found.mean - refused_share(places, visitors.offered)) < 2 * found.within


def test_without_an_end_of_places_nobody_is_refused_and_occupancy_is_poisson() -> None:
    visitors = Visitors(rate=0.2, mean_s=100, sigma=0)
    plan = Plan(visitors, Stages(10**6, 1, 1), ONE_TRY, seconds=30_000, settle_s=2000)
    runs = [simulate(plan, seed) for seed in range(4)]
    assert all(tally.refused == 0 for tally in runs)
    counts = [look.sessions for tally in runs for look in tally.looks if look.at_s > plan.settle_s]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert mean == pytest.approx(visitors.offered, rel=0.05)
    assert variance == pytest.approx(visitors.offered, rel=0.15)


def test_many_stages_do_almost_as_well_as_one_of_all_their_places() -> None:
    visitors = Visitors(rate=0.4, mean_s=100, sigma=0)
    plan = Plan(visitors, Stages(8, 6, 6), Fronts(count=2), seconds=20_000, settle_s=2000)
    found = Interval.of([figures(simulate(plan, seed), plan.settle_s)["refused"] for seed in range(3)])
    assert found.mean < 1.3 * refused_share(48, visitors.offered) + found.within


def test_a_limit_above_what_a_stage_carries_keeps_the_cluster_small() -> None:
    visitors = Visitors(rate=0.3, mean_s=100, sigma=0)
    right, wrong = (Plan(visitors, Stages(7, 1, 20, limit=limit), seconds=8000, settle_s=500) for limit in (7, 16))
    assert figures(simulate(right, 1), 500)["refused"] < 0.02
    assert figures(simulate(wrong, 1), 500)["stages"] < 2  # 12 of 16 are the target, and 7 never reach it
    assert figures(simulate(wrong, 1), 500)["refused"] > 0.5


def test_a_crowd_is_inside_once_stages_have_started() -> None:
    visitors = Visitors(rate=0.01, mean_s=600, crowd=40, crowd_at_s=300, patience_s=300)
    found = figures(simulate(Plan(visitors, Stages(8, 1, 20), seconds=1200), 1), 0)
    assert 9 < found["crowd_most_s"] < 100
    quicker = figures(simulate(Plan(visitors, Stages(8, 1, 20, up_factor=4), seconds=1200), 1), 0)
    assert quicker["crowd_most_s"] < found["crowd_most_s"]
    later = figures(simulate(Plan(visitors, Stages(8, 1, 20, machine_s=90), seconds=1200), 1), 0)
    assert 99 < later["crowd_most_s"] < 300


def test_a_stages_death_costs_its_own_sessions_and_they_come_back_where_there_is_room() -> None:
    visitors = Visitors(rate=0.1, mean_s=200, sigma=0)
    roomy = Plan(visitors, Stages(8, 6, 6), faults=Faults(stage_mean_s=3000), seconds=20_000)
    tally = simulate(roomy, 1)
    assert tally.counted["broken"] > 20 and tally.counted["lost"] <= 0.02 * tally.counted["broken"]
    assert figures(tally, 0)["back_p95_s"] < 3
    full = simulate(replace(roomy, stages=Stages(8, 3, 3)), 1)
    assert full.counted["lost"] > 0.1 * full.counted["broken"]


def test_a_fronts_death_ends_no_session() -> None:
    plan = replace(ROUGH, stages=Stages(5, 8, 8), faults=Faults(front_mean_s=200))
    tally = simulate(plan, 1)
    assert tally.counted["fronts_lost"] > 10
    assert tally.lost == tally.counted["broken"] == 0


def test_places_are_what_admission_lets_in() -> None:
    # 0.172 of 1.2 cores is seven times; the inference thread's 55% are as many at 0.078
    assert places_of(2, SessionLoad(inference=0.08, coding=0.05, rest=0.042, thread=0.05)) == 6
    assert places_of(2, SessionLoad(inference=0.08, coding=0.05, rest=0.04, thread=0.05)) == 7
    assert places_of(32, SessionLoad(inference=0.08, coding=0.05, rest=0.04, thread=0.05)) == 11
    assert places_of(1, SessionLoad(inference=0.8, coding=0.3, rest=0.2, thread=0.9)) == 1


def test_intervals_widen_with_what_is_not_known() -> None:
    assert Interval.of([1.0, 3.0]).mean == 2.0
    assert Interval.of([1.0, 3.0]).within > Interval.of([1.0, 3.0] * 5).within
    assert str(over_seeds([{"a": float("nan")}])["a"]) == "-"
