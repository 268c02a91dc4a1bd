from __future__ import annotations

import random

from app.media import NS_PER_MS
from app.pacer.lateness import BLOCKS_KEPT, FLOOR_NS, ONCE_NS, UNKNOWN_NS, WINDOW_FRAMES, Lateness


def learnt(*lateness_ms: float) -> Lateness:
    lateness = Lateness()
    for ms in lateness_ms:
        lateness.note(int(ms * NS_PER_MS))
    return lateness


def test_nothing_is_expected_before_the_first_frame_and_the_margin_is_careful_until_much_is_known() -> None:
    assert Lateness().expected_ns is None
    assert not learnt(*[0] * (WINDOW_FRAMES - 1)).settled
    assert learnt(0).margin_ns == UNKNOWN_NS
    assert learnt(*[0] * WINDOW_FRAMES).margin_ns == FLOOR_NS


def test_a_steady_sender_needs_no_more_than_it_is_late() -> None:
    assert learnt(*[70] * 1000).expected_ns == 70 * NS_PER_MS


def test_all_of_the_last_two_seconds_is_expected() -> None:
    assert learnt(*[70] * 100, 95, *[70] * (WINDOW_FRAMES - 1)).expected_ns == 95 * NS_PER_MS


def test_what_came_twice_is_expected_for_half_a_minute() -> None:
    once = [*[70] * 300, 270, *[70] * 200]
    assert learnt(*once).expected_ns == 70 * NS_PER_MS + ONCE_NS, "once is within reason"
    twice = learnt(*once, 270, *[70] * 200)
    assert twice.expected_ns == 270 * NS_PER_MS
    for _ in range((BLOCKS_KEPT + 1) * WINDOW_FRAMES):
        twice.note(70 * NS_PER_MS)
    assert twice.expected_ns == 70 * NS_PER_MS


def test_a_sender_that_paused_without_a_word_is_late_for_good_and_has_no_jitter() -> None:
    lateness, late = Lateness(), 0.0
    source = random.Random(1)
    for number in range(5000):
        late += 3000 * (number % 500 == 499)
        lateness.note(int((late + source.uniform(0, 4)) * NS_PER_MS))
    assert lateness.expected_ns is not None
    assert lateness.expected_ns < (late + 4.1) * NS_PER_MS


def test_a_clock_that_is_off_is_no_jitter() -> None:
    for drift in (+0.008, -0.008):  # 200 ppm of a slot
        lateness = learnt(*[1000 + drift * number for number in range(20_000)])
        assert lateness.expected_ns is not None
        assert abs(lateness.expected_ns / NS_PER_MS - (1000 + drift * 20_000)) < 1


def test_a_stall_of_the_beginning_is_not_waited_for_later() -> None:
    beginning = [*[70] * 10, 270, *[70] * 300]
    assert learnt(*beginning).expected_ns == 70 * NS_PER_MS
