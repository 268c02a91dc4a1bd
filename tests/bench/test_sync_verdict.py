"""The verdicts on timing: noise alone is no fault, and a fault is one in any noise that they allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.noise import Faults, Noise, NoiseMeter, believed
from tests.sync_verdict import faults_of, theil_sen

QUIET, LOUD, DEAFENING = Noise(0.1, 0.5, 5), Noise(0.5, 5, 80), Noise(1, 12, 200)
PERIOD_S = 1.04


def result_of(seed: int, seconds: int = 75, spread_ms: float = 6) -> dict[str, Any]:
    """What the page finds: offsets around some ms, one in twenty of them far off, and a delay that wanders."""
    rng = np.random.default_rng(seed)
    at_s = np.arange(0.5, seconds - 2, PERIOD_S)
    wander = 4 * np.sin(2 * np.pi * (at_s / 17 + rng.random()))
    offsets = 5 + wander + rng.normal(0, spread_ms, len(at_s)) + 120 * (rng.random(len(at_s)) < 0.05)
    return {
        "mode": "clip", "seconds": seconds, "delay_ms": {"p50": None},
        "pairs_all": [{"atS": at, "offsetMs": offset} for at, offset in zip(at_s, offsets, strict=True)],
        "sound": {"packets_discarded": 0, "concealed_percent": 0.1},
    }  # fmt: skip


def with_fault(result: dict[str, Any], offset_ms: float = 0, drift_ms_per_min: float = 0) -> dict[str, Any]:
    """The same result, had lips and voice been so far apart, or drifted apart."""
    pairs = [
        {**pair, "offsetMs": pair["offsetMs"] + offset_ms + drift_ms_per_min * pair["atS"] / 60}
        for pair in result["pairs_all"]
    ]
    return {**result, "pairs_all": pairs}


def test_the_slope_of_a_line_with_outliers_is_the_lines() -> None:
    at_s = np.arange(60.0)
    offsets = at_s / 3 + np.where(at_s % 9 == 4, 300, 0)
    slope = theil_sen(at_s, offsets)
    assert slope.value == pytest.approx(20) and slope.low <= 20 <= slope.high < 21


def test_noise_alone_is_seldom_a_fault() -> None:
    wrong = [bool(faults_of(result_of(seed), QUIET, drift=True)) for seed in range(200)]
    assert sum(wrong) <= 4


def test_an_offset_of_60_ms_is_always_found() -> None:
    for seed in range(100):
        for offset_ms in (60, -60):
            assert "offset" in faults_of(with_fault(result_of(seed), offset_ms=offset_ms), LOUD, drift=False)


def test_a_drift_of_20_ms_a_minute_is_found() -> None:
    for drift in (20, -20):
        found = [
            ("drift ahead" if drift > 0 else "drift behind")
            in faults_of(with_fault(result_of(seed), drift_ms_per_min=drift), LOUD, True)
            for seed in range(100)
        ]
        assert sum(found) >= 97


def test_a_drift_that_cannot_be_told_is_no_pass() -> None:
    assert "cannot be told" in faults_of(result_of(1, spread_ms=60), LOUD, drift=True)["doubt"]


def test_busy_machines_have_wider_bars_for_holes_but_not_for_meeting() -> None:
    holes = {**result_of(1), "sound": {"packets_discarded": 0, "concealed_percent": 5}}
    assert "concealed" in faults_of(holes, QUIET, drift=False)
    assert faults_of(holes, LOUD, drift=False) == {}


async def verdict(monkeypatch: pytest.MonkeyPatch, noise: Noise, *found: Faults) -> int:
    """Return after how many measurements it passes."""
    left = list(found)
    monkeypatch.setattr(NoiseMeter, "__enter__", lambda self: self)
    monkeypatch.setattr(NoiseMeter, "__exit__", lambda self, *error: setattr(self, "noise", noise))

    async def measure() -> Faults:
        return left.pop(0)

    await believed(measure, lambda result, noise: result)
    return len(found) - len(left)


async def test_only_faults_that_stay_count_on_a_loud_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    drift, gap = {"drift": "it drifts"}, {"gap": "it gaps"}
    assert await verdict(monkeypatch, LOUD, {}) == 1
    assert await verdict(monkeypatch, LOUD, drift, {}) == 2
    assert await verdict(monkeypatch, LOUD, drift, gap) == 2
    with pytest.raises(pytest.fail.Exception, match="it drifts"):
        await verdict(monkeypatch, LOUD, drift | gap, drift, drift | gap)
    with pytest.raises(pytest.fail.Exception, match="it drifts"):
        await verdict(monkeypatch, QUIET, drift, {})


async def test_a_machine_that_is_too_busy_throughout_gives_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    drift = {"drift": "it drifts"}
    with pytest.raises(pytest.skip.Exception, match="too busy to tell: it drifts"):
        await verdict(monkeypatch, DEAFENING, drift, drift, drift)
    assert await verdict(monkeypatch, DEAFENING, drift, {}) == 2


def test_the_meter_measures() -> None:
    with NoiseMeter() as meter:
        sum(range(3_000_000))
    assert 0 <= meter.noise.p50_ms <= meter.noise.p95_ms <= meter.noise.most_ms < 10_000


async def test_what_wanders_must_go_the_same_way_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, behind = {"drift ahead": "they drift"}, {"drift behind": "they drift"}
    assert await verdict(monkeypatch, QUIET, ahead, behind) == 2
    with pytest.raises(pytest.fail.Exception, match="they drift"):
        await verdict(monkeypatch, QUIET, ahead, ahead, ahead)
    with pytest.raises(pytest.skip.Exception, match="nothing can be told"):
        await verdict(monkeypatch, QUIET, *[{"doubt": "nothing can be told"}] * 3)
