"""Looks and fades: what they say of any slot, asked in any order."""

from __future__ import annotations

import random
from dataclasses import astuple

import numpy as np

from app.inference.expression import NEUTRAL, Expression
from app.inference.fade import BLEND_SLOTS, GAP_SLOTS, Fade
from app.inference.looks import NOD_REST_SLOTS, NOD_SLOTS, PINS_HIGH, Looks
from app.media import VIDEO_FPS
from app.smoothstep import smoothstep

WARM, SORRY = Expression(warm=1.0), Expression(sorry=0.8)
LARGEST_STEP = float(max(np.diff([smoothstep(slot / BLEND_SLOTS) for slot in range(BLEND_SLOTS + 1)])))
SEVERAL = GAP_SLOTS * 3 * LARGEST_STEP  # fades that lie over each other


def steps(looks: Looks, slots: range) -> float:
    """The largest change of any value from one slot to the next."""
    return float(np.abs(np.diff([astuple(looks.at(slot)) for slot in slots], axis=0)).max())


def test_a_face_of_which_nothing_was_asked_is_neutral_always() -> None:
    assert all(Looks().at(slot) == NEUTRAL for slot in (0, 1, 1000, 10**9))


def test_a_mood_comes_in_half_a_second_without_a_corner() -> None:
    looks = Looks().feel(WARM, 100, 100)
    assert BLEND_SLOTS / VIDEO_FPS <= 0.5
    assert looks.at(100) == NEUTRAL and looks.at(100 + BLEND_SLOTS) == WARM == looks.at(10**6)
    warm = [looks.at(slot).warm for slot in range(95, 120)]
    assert warm == sorted(warm) and steps(looks, range(95, 120)) <= LARGEST_STEP < 0.13


def test_looks_are_a_function_of_the_slot_alone() -> None:
    looks = Looks().feel(WARM, 10, 10).attend(15, 60, 15).bow(20, 1.0).feel(SORRY, 25, 25)
    in_order = [looks.at(slot) for slot in range(100)]
    shuffled = list(range(100))
    random.Random(3).shuffle(shuffled)
    assert all(looks.at(slot) == in_order[slot] for slot in shuffled)


def test_another_mood_halfway_goes_on_from_where_the_face_is() -> None:
    looks = Looks().feel(WARM, 10, 10)
    before = looks.at(15)
    both = looks.feel(SORRY, 15, 15)
    assert both.at(15) == before and both.at(14) == looks.at(14), "what was shown stays"
    assert both.at(15 + BLEND_SLOTS) == SORRY and steps(both, range(0, 60)) < 2 * LARGEST_STEP


def test_a_flood_of_moods_is_bounded_and_makes_no_jump() -> None:
    looks, moods, shown = Looks(), [WARM, SORRY, Expression(surprised=1.0), NEUTRAL], []
    for slot in range(500):
        for number in range(20):
            looks = looks.feel(moods[(slot * 7 + number) % 4], slot, slot)
        assert len(looks.moods.steps) <= BLEND_SLOTS // GAP_SLOTS + 3
        shown.append(astuple(looks.at(slot)))
    assert np.abs(np.diff(shown, axis=0)).max() < SEVERAL


def test_a_mood_that_is_put_off_is_replaced_by_the_next() -> None:
    looks = Looks()
    for now in range(100):
        looks = looks.feel(WARM, now + 28, now)
        assert len(looks.moods.steps) < 30
    late = Looks().feel(WARM, 40, 10).feel(SORRY, 40, 12)
    assert late.at(39) == NEUTRAL and late.at(40 + BLEND_SLOTS) == SORRY
    assert late.interrupted(20).at(20 + BLEND_SLOTS) == SORRY, "nothing drawn is in its way any more"


def test_a_mood_comes_with_its_words_wherever_they_come_to_lie() -> None:
    looks = Looks().feel_with(WARM, 30)
    assert looks.at(50) == NEUTRAL == looks.at(50, 29), "before its words, and at rest"
    ahead = [looks.at(70 + pts - 30, pts) for pts in range(30, 50)]
    assert ahead[0] == NEUTRAL and ahead[BLEND_SLOTS] == WARM
    played = looks.played(70, 30)
    assert [played.at(70 + n) for n in range(20)] == ahead, "what was drawn ahead is what is shown"
    assert played.pins == () and played.played(71, 31) is played


def test_a_mood_is_not_lost_with_a_slice_that_is_never_played() -> None:
    played = Looks().feel_with(WARM, 30).feel_with(SORRY, 35).played(75, 35)
    assert played.pins == () and played.at(75 + BLEND_SLOTS) == SORRY


def test_an_interrupt_drops_moods_whose_words_are_dropped() -> None:
    looks = Looks().feel(SORRY, 5, 5).feel_with(WARM, 30).interrupted(20)
    assert looks.pins == () and looks.at(40, 35) == SORRY


def test_pins_are_bounded() -> None:
    looks = Looks()
    for pts in range(10 * PINS_HIGH):
        looks = looks.feel_with(WARM, pts)
    assert len(looks.pins) == PINS_HIGH and looks.pins[-1].pts == 10 * PINS_HIGH - 1


def test_attending_comes_and_goes_and_is_prolonged_without_a_dent() -> None:
    looks = Looks().attend(10, 60, 10)
    assert looks.at(10).attending == 0 and looks.at(30).attending == 1 and looks.at(60 + BLEND_SLOTS).attending == 0
    for now in range(11, 300, 5):
        looks = looks.attend(now, now + 50, now)
        assert len(looks.attending.steps) <= 4
        assert now < 25 or looks.at(now).attending == looks.at(now + 40).attending == 1
    looks = looks.attend_no_more(300, 300)
    assert looks.at(300).attending == 1 and looks.at(300 + BLEND_SLOTS).attending == 0 == looks.at(10**6).attending


def test_attending_that_was_put_off_begins_at_an_interrupt() -> None:
    looks = Looks().attend(40, 100, 10).interrupted(15)
    assert looks.at(15).attending == 0 and looks.at(15 + BLEND_SLOTS).attending == 1
    assert looks.at(100 + BLEND_SLOTS).attending == 0


def test_a_nod_bows_and_rises_and_another_waits_until_it_is_over() -> None:
    looks = Looks().bow(10, 0.7)
    bowed = [looks.at(slot).nod for slot in range(8, 40)]
    assert bowed[2] == 0 and max(bowed) == 0.7 and bowed[2 + NOD_SLOTS :] == [0.0] * (30 - NOD_SLOTS)
    assert bowed.index(0.7) - 2 < NOD_SLOTS / 2, "down faster than up"
    assert steps(looks, range(0, 60)) < 0.3
    for slot in range(11, 10 + NOD_SLOTS + NOD_REST_SLOTS):
        assert looks.bow(slot, 1.0) is looks
    assert looks.bow(10 + NOD_SLOTS + NOD_REST_SLOTS, 1.0).nod.depth == 1.0


def test_a_fade_of_one_value_says_what_it_comes_to() -> None:
    fade = Fade.at_first((0.2,)).towards((1.0,), 5, 5)
    assert fade.at(0) == (0.2,) and fade.last == (1.0,) and fade.up_to(4).last == (0.2,)
