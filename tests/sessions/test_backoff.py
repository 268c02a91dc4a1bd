"""Waits between tries."""

from __future__ import annotations

import pytest

from app.sessions.backoff import FIRST_S, MOST_S, SPREAD, Backoff


def test_waits_double_up_to_half_a_minute_and_begin_anew() -> None:
    backoff = Backoff()
    assert [backoff.next_s(0.5) for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]
    backoff.reset()
    assert backoff.next_s(0.5) == FIRST_S


def test_chance_spreads_them() -> None:
    assert Backoff().next_s(0) == pytest.approx(FIRST_S * (1 - SPREAD))
    late = Backoff()
    assert max(late.next_s(1) for _ in range(20)) == pytest.approx(MOST_S * (1 + SPREAD))
