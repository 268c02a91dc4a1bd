from __future__ import annotations

from collections import Counter

import pytest

from bench.placement import main
from bench.placing.plan import Fronts, Plan, Stages, Visitors
from bench.placing.reality import Seen, compare, verdict_of
from bench.placing.simulation import simulate

TRIES = 3  # the machine may have others to serve; a model that is wrong is wrong each time
PLAN = Plan(Visitors(0.5, 20, 0.8), Stages(4, 3, 3), Fronts(1), seconds=200)


def seen_as(seed: int, dice: int) -> Seen:
    tally = simulate(PLAN, seed, dice)
    codes = Counter({"made": tally.placed, "server_full": tally.refused})
    return Seen(codes, waits_s=[0.1], late_s=[0.0], looks=tally.looks)


def test_another_run_of_the_same_arrivals_agrees() -> None:
    seen = seen_as(1, dice=77)
    rows = compare(seen, [simulate(PLAN, 1, dice) for dice in range(10)], PLAN)
    assert verdict_of(seen, rows) == "agrees", rows


def test_a_cluster_with_half_the_places_does_not() -> None:
    half = Plan(PLAN.visitors, Stages(2, 3, 3), PLAN.fronts, seconds=200)
    seen = seen_as(1, dice=77)
    rows = compare(seen, [simulate(half, 1, dice) for dice in range(10)], half)
    assert verdict_of(seen, rows) == "differs", rows
    seen.waits_s = [5.0, 6.0]
    assert verdict_of(seen, rows) == "starved"


@pytest.mark.realtime
def test_a_real_server_refuses_as_the_simulation_says(capsys: pytest.CaptureFixture[str]) -> None:
    check = ["--check", "--seconds", "25", "--mean", "5", "--places", "3", "--crowd", "4"]
    assert any(main(check) == 0 for _ in range(TRIES))
    said = capsys.readouterr().out
    assert '"server_full"' in said and '"made"' in said
