"""What is drawn follows what is asked for, no faster than lips go."""

from __future__ import annotations

from itertools import product

import numpy as np

from app.inference.engines.portrait.lip_speed import FALL, RECALLED, RISE, unhurried
from app.inference.engines.portrait.shape import CHANNELS

OPENING = CHANNELS.index("opening")


def drawn(asked: list[float]) -> np.ndarray:
    """The opening that is drawn, frame by frame, of one that is asked for; before it the mouth is shut."""
    row = np.zeros((RECALLED + len(asked), len(CHANNELS)), np.float32)
    row[RECALLED:, OPENING] = asked
    return np.array([unhurried(row[at : at + 1 + RECALLED][::-1])[OPENING] for at in range(len(asked))])


def test_no_order_of_mouths_makes_a_step_of_more_than_a_frames_way() -> None:
    for asked in product((0.0, 0.25, 0.5, 0.75, 1.0), repeat=2 + RECALLED):
        step = np.diff(drawn(list(asked))[-2:])[0]
        assert -FALL[OPENING] - 1e-6 <= step <= RISE[OPENING] + 1e-6, asked


def test_what_lips_can_do_is_drawn_as_it_is_asked_for_without_delay() -> None:
    slow = 0.5 - 0.5 * np.cos(np.arange(40) * np.pi / 6)
    np.testing.assert_allclose(drawn(list(slow)), slow, atol=1e-6)


def test_a_closure_out_of_nothing_is_reached_within_three_frames() -> None:
    assert (drawn([0.0] * 3 + [1.0] * 6 + [0.0] * 4)[-2:] == 0).all()


def test_the_lips_stay_within_published_speeds() -> None:
    mouth_mm, widest = 50, 0.34  # the opening at 1, in mouth widths
    assert all(limit[OPENING] * widest * mouth_mm * 25 <= 200 for limit in (RISE, FALL)), "mm/s"
