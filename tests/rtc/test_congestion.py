from __future__ import annotations

import pytest

from app.rtc.congestion import CALM, LONGEST_CALM, LOSS, Congestion


def test_an_estimate_that_grows_limits_nothing_however_low() -> None:
    """As Chromium's does on a line without limits: 243 kbit/s at first."""
    line = Congestion()
    for estimate in (243_000, 320_000, 320_000, 310_000, 422_000):
        line.note_estimate(estimate)
        line.note_loss(LOSS / 2)
        assert not line.congested
    assert line.estimate == 422_000


@pytest.mark.parametrize("sign", ["loss", "fall"])
def test_a_full_line_is_followed_until_it_was_calm(sign: str) -> None:
    line = Congestion()
    line.note_estimate(1_000_000)
    if sign == "loss":
        line.note_loss(0.05)
        assert line.congested, "at once"
    line.note_estimate(600_000)
    assert line.congested and line.estimate == 600_000
    for _ in range(2 * CALM - 1):
        line.note_estimate(600_000)
        assert line.congested
    line.note_estimate(600_000)
    line.note_estimate(600_000)
    assert not line.congested


def test_a_line_that_is_full_again_and_again_is_trusted_later_each_time() -> None:
    line, waits = Congestion(), []
    for _ in range(6):
        line.note_estimate(1_000_000)
        line.note_loss(0.1)
        waits.append(0)
        while line.congested:
            line.note_estimate(1_000_000)
            waits[-1] += 1
    assert waits[0] < waits[1] < waits[2] and max(waits) <= LONGEST_CALM + 1
    for _ in range(LONGEST_CALM + 1):
        line.note_estimate(1_000_000)
    line.note_loss(0.1)
    again = 0
    while line.congested:
        line.note_estimate(1_000_000)
        again += 1
    assert again == waits[0], "a long calm is forgiven"
