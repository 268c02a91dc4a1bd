from __future__ import annotations

import random

from bench.trend import Allowance, trend_of

ALLOWED = Allowance(an_hour=10, noise=3)
TIMES = [15.0 * n for n in range(480)]  # two hours


def noisy(base: float, an_hour: float) -> list[float]:
    dice = random.Random(1)
    return [base + an_hour * t / 3600 + dice.gauss(0, 5) for t in TIMES]


def test_a_figure_that_only_wavers_is_flat() -> None:
    assert trend_of(TIMES, noisy(300, 0), ALLOWED).verdict == "flat"


def test_a_slow_leak_is_growth_within_noise() -> None:
    found = trend_of(TIMES, noisy(300, 20), ALLOWED)
    assert found.verdict == "growing"
    assert abs(found.slope_an_hour - 20) < 5


def test_what_is_taken_once_at_the_beginning_is_no_growth() -> None:
    values = [min(t, 1200) / 10 + 300 for t in TIMES]
    assert trend_of(TIMES, values, ALLOWED).verdict == "flat"


def test_a_flood_within_the_readings_is_no_growth() -> None:
    values = [900.0 if 300 <= n < 330 else 300.0 for n in range(len(TIMES))]
    assert trend_of(TIMES, values, ALLOWED).verdict == "flat"


def test_growth_in_steps_is_growth() -> None:
    values = [300.0 + 40 * (n // 120) for n in range(len(TIMES))]
    assert trend_of(TIMES, values, ALLOWED).verdict == "growing"


def test_a_handful_of_readings_say_nothing() -> None:
    assert trend_of(TIMES[:6], [1.0, 2, 3, 4, 5, 6], ALLOWED).verdict == "too short"
