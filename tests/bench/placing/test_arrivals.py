from __future__ import annotations

import statistics

import pytest

from bench.placing.arrivals import arrivals, rate_at
from bench.placing.plan import DAY_S, Visitors


def test_the_same_seed_brings_the_same_people_and_another_one_others() -> None:
    visitors = Visitors(rate=0.5, swing=0.5, crowd=3, crowd_at_s=50)
    first = list(arrivals(visitors, 100, seed=1))
    assert first == list(arrivals(visitors, 100, seed=1)) != list(arrivals(visitors, 100, seed=2))
    assert [each.at_s for each in first] == sorted(each.at_s for each in first)
    assert sum(each.of_crowd for each in first) == 3


def test_a_crowd_does_not_change_who_else_comes() -> None:
    alone = list(arrivals(Visitors(rate=0.5), 1000, seed=1))
    with_crowd = list(arrivals(Visitors(rate=0.5, crowd=50, crowd_at_s=500), 1000, seed=1))
    assert [each for each in with_crowd if not each.of_crowd] == alone


def test_numbers_are_poisson_and_follow_the_days_curve() -> None:
    visitors = Visitors(rate=0.2, swing=0.8)
    times = [each.at_s for each in arrivals(visitors, DAY_S, seed=3)]
    hours = [sum(hour * 3600 <= at < (hour + 1) * 3600 for at in times) for hour in range(24)]
    for hour, count in enumerate(hours):
        expected = statistics.fmean(rate_at(visitors, 60.0 * (60 * hour + minute)) for minute in range(60)) * 3600
        assert abs(count - expected) < 5 * expected**0.5


@pytest.mark.parametrize("sigma", [0.0, 1.5])
def test_lengths_have_their_mean_and_the_tail_is_heavy_where_it_is_to_be(sigma: float) -> None:
    lengths = sorted(each.length_s for each in arrivals(Visitors(rate=1, mean_s=300, sigma=sigma), 60_000, seed=4))
    assert statistics.fmean(lengths) == pytest.approx(300, rel=0.1)
    longest = sum(lengths[-len(lengths) // 100 :]) / sum(lengths)  # what the longest hundredth takes of all
    assert longest > 0.15 if sigma else longest < 0.08
