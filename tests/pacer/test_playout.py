"""No sequence of arrivals makes holes once the margin is learnt, and none lets the delay creep."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.media import NS_PER_MS, SLOT_MS
from app.pacer.lateness import FLOOR_NS, UNKNOWN_NS, UNSEEN
from app.pacer.schedule import TOLERANCE_NS
from tests.playout_model import LOOK_AHEAD_MS, play_live

LEAST_MS = LOOK_AHEAD_MS + FLOOR_NS / NS_PER_MS  # from the last sample's being spoken to its slot
SPARE_MS = SLOT_MS + TOLERANCE_NS / NS_PER_MS  # at most: slots lie where they lie
properties = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@properties
@given(phase_ms=st.floats(0, 40))
def test_a_steady_microphone_waits_for_the_margin_and_a_slot_at_most_wherever_the_slots_lie(phase_ms: float) -> None:
    played = play_live(20, phase_ms=phase_ms)
    assert played.gaps_at_s == []
    assert max(played.delays_ms[-250:]) <= LEAST_MS + SPARE_MS + 1


@properties
@given(seed=st.integers(0, 10**6), jitter_ms=st.floats(0, 150), thread_ms=st.floats(0, 60), phase_ms=st.floats(0, 40))
def test_jitter_of_the_network_and_the_thread_makes_no_hole_once_it_is_learnt(
    seed: int, jitter_ms: float, thread_ms: float, phase_ms: float
) -> None:
    source = random.Random(seed)
    played = play_live(
        60, lambda sent: source.uniform(0, jitter_ms), lambda sent: source.uniform(0, thread_ms), phase_ms=phase_ms
    )
    assert played.gaps_after(8) == 0
    assert max(played.delays_ms[-250:]) <= LEAST_MS + (1 + 1 / UNSEEN) * (jitter_ms + thread_ms) + SPARE_MS + 1


@properties
@given(every_s=st.floats(2.5, 6), stall_ms=st.floats(20, 800), phase_ms=st.floats(0, 40))
def test_a_stall_that_comes_again_and_again_makes_no_hole_once_it_came_twice(
    every_s: float, stall_ms: float, phase_ms: float
) -> None:
    every_ms = every_s * 1000
    played = play_live(
        60, lambda sent: max(0.0, stall_ms - sent % every_ms), speaks=lambda at_s: at_s % 4 < 3, phase_ms=phase_ms
    )
    assert played.gaps_after(3 * every_s + 4) == 0


@properties
@given(burst_ms=st.integers(20, 1000), phase_ms=st.floats(0, 40))
def test_an_agents_bursts_play_whole(burst_ms: int, phase_ms: float) -> None:
    played = play_live(40, lambda sent: (-sent) % burst_ms, phase_ms=phase_ms)
    assert played.gaps_after(8) == 0
    assert max(played.delays_ms[-250:]) <= LEAST_MS + (1 + 1 / UNSEEN) * burst_ms + SPARE_MS + SLOT_MS


@pytest.mark.parametrize("ppm", [200, -200, 50, -50])
def test_a_microphone_clock_that_is_off_makes_no_hole_and_no_delay_in_half_an_hour(ppm: float) -> None:
    played = play_live(1800, ppm=ppm)
    assert played.gaps_at_s == []
    assert max(played.delays_ms[500:]) <= LEAST_MS + SPARE_MS + 1
    assert np.median(played.delays_ms[500:]) <= LEAST_MS + SPARE_MS + 1


def test_a_single_stall_is_forgotten_and_speech_is_not_cut_for_it() -> None:
    played = play_live(70, lambda sent: max(0.0, 12_000 - sent) if 10_000 < sent < 12_000 else 0.0)
    assert len(played.gaps_at_s) == 1
    assert played.pacer.counters.dropped_speech == 0
    at_20_s, at_the_end = np.median(played.delays_ms[450:500]), np.median(played.delays_ms[-100:])
    assert at_20_s < LEAST_MS + 120 + SPARE_MS
    assert at_the_end <= LEAST_MS + SPARE_MS + 1


def test_a_careless_margin_would_have_been_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.pacer.lateness.Lateness.expected_ns", property(lambda self: min(self._window, default=0)))
    source = random.Random(1)
    assert play_live(60, lambda sent: source.uniform(0, 40)).gaps_after(8) > 0


def test_a_voice_that_begins_at_once_is_careful_from_the_start() -> None:
    played = play_live(3, speaks=lambda at_s: True)
    assert played.gaps_at_s == []
    assert min(played.delays_ms) >= LOOK_AHEAD_MS + UNKNOWN_NS / NS_PER_MS
