"""Blinks: at human intervals, and where a phrase ends."""

from __future__ import annotations

import numpy as np
import pytest

from app.inference.engines.portrait.blinks import AFTER_PHRASE_S, DOUBLE_AFTER_S, LASTS_S, blink_at, closure
from app.media import VIDEO_FPS

HOUR = 3600 * VIDEO_FPS


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_blinks_come_at_human_intervals_for_an_hour(seed: int) -> None:
    closed = np.array([blink_at(seed, position) for position in range(HOUR)])
    assert closed.min() >= 0 and closed.max() <= 1
    begins = np.flatnonzero((closed[1:] > 0) & (closed[:-1] == 0)) / VIDEO_FPS
    intervals = np.diff(begins)
    doubles = intervals < 2 * DOUBLE_AFTER_S
    assert 0.05 < doubles.mean() < 0.2
    single = intervals[~doubles]
    assert single.min() > 0.7 and single.max() < 16
    assert 3.2 < single.mean() < 5.0 and np.median(single) < single.mean() and single.std() > 1.2
    assert 0.03 < (closed > 0).mean() < 0.12
    shut = np.array([closed[int(b * VIDEO_FPS) : int(b * VIDEO_FPS) + 8].max() for b in begins])
    assert (shut > 0.97).all(), "one picture at least shows the eye closed"


def test_a_lid_falls_faster_than_it_rises() -> None:
    curve = np.array([closure(ms / 1000) for ms in range(400)])
    assert curve[0] == 0 and curve[-1] == 0
    down, up = int(np.argmax(curve >= 1)), int(400 - np.argmax(curve[::-1] >= 1))
    assert 80 <= down <= 100 and 30 <= up - down <= 60 and 140 <= int(np.argmax(curve[up:] == 0)) <= 180


def test_many_phrases_end_with_a_blink_and_none_is_added_near_another() -> None:
    ends = range(500, 60_000, 97)
    made = 0
    for end in ends:
        alone = np.array([blink_at(7, end + slot) for slot in range(-25, 40)])
        both = np.array([blink_at(7, end + slot, max(0, slot) / VIDEO_FPS) for slot in range(-25, 40)])
        first, last = 25 + int(AFTER_PHRASE_S * VIDEO_FPS), 27 + int((AFTER_PHRASE_S + LASTS_S) * VIDEO_FPS)
        added = both - alone
        assert added.min() >= 0 and added[:first].max() == 0 and added[last:].max() == 0
        if added.max() > 0.9:
            made += 1
            assert alone[first - 10 : last + 10].max() == 0, "an eye that blinks anyway has done enough"
    assert 0.15 < made / len(ends) < 0.6


def test_a_blink_at_a_phrase_s_end_is_whole_whatever_comes_after() -> None:
    steps = []
    for end in range(500, 30_000, 97):
        way = np.array([blink_at(3, end + slot, slot / VIDEO_FPS) for slot in range(40)])
        steps.append(np.abs(np.diff(way)).max())
    assert max(steps) < 0.75, "a lid never jumps: the fastest step is that of a blink that closes"
