"""How a face looks, as numbers: moods, brows that follow the voice, eyes that stay with you."""

from __future__ import annotations

import numpy as np
import pytest

from app.emphasis import CALM, Emphasis
from app.inference.engines.portrait.field import Swing
from app.inference.engines.portrait.look import Look, look_at
from app.inference.expression import NEUTRAL, Expression

MOODS = ("warm", "serious", "surprised", "sorry")


def mood(name: str, strength: float) -> Expression:
    return Expression(**{name: strength})


def test_the_first_picture_is_the_portrait_itself() -> None:
    assert look_at(5, 0, CALM) == Look()


@pytest.mark.parametrize("name", MOODS)
def test_a_mood_changes_the_face_steadily_and_neutral_is_nothing(name: str) -> None:
    def parts(strength: float) -> np.ndarray:
        look = look_at(5, 300, CALM, mood(name, strength))
        return np.array([look.upper, look.lower, look.inner, look.outer, look.knit, look.corners])

    assert (parts(0.0) == 0).all()
    half, whole = parts(0.5), parts(1.0)
    assert np.abs(whole).max() > 0.5 and np.abs(half - whole / 2).max() < 0.1
    assert np.abs(np.diff([parts(k / 12) for k in range(13)], axis=0)).max() < 0.15, "it blends without a jump"


def test_moods_differ_in_the_ways_that_people_read() -> None:
    warm, serious, surprised, sorry = (look_at(5, 300, CALM, mood(name, 1.0)) for name in MOODS)
    assert warm.corners > 0 and warm.lower > 0, "it smiles with the eyes too"
    assert serious.inner < 0 and serious.knit > 0
    assert min(surprised.inner, surprised.outer) > 0.5 and surprised.upper < 0
    assert sorry.inner > 0.5 > sorry.outer and sorry.corners < 0 and sorry.upper > 0


def test_a_mood_leaves_blinks_and_gaze_alone() -> None:
    for position in range(200, 900, 13):
        plain, moody = look_at(5, position, CALM), look_at(5, position, CALM, mood("warm", 1.0))
        assert (plain.closure, plain.gaze_x, plain.gaze_y) == (moody.closure, moody.gaze_x, moody.gaze_y)


def test_brows_rise_with_stress_but_not_with_every_one() -> None:
    flat = [look_at(5, position, Emphasis(0.5, 0.5)).inner for position in range(200, 2000)]
    stressed = np.array([look_at(5, position, Emphasis(0.4, 0.8, stress=0.7)).inner for position in range(200, 2000)])
    assert max(flat) == 0 and stressed.min() > 0
    assert 0.3 < stressed.max() < 0.5 and stressed.min() < 0.3 * stressed.max()


def test_brows_rise_after_a_question_and_come_down_again() -> None:
    def raised(pause: float, rise: float) -> float:
        return look_at(5, 300, Emphasis(0.3, 0.1, 0.0, rise, pause)).inner

    way = np.array([raised(pause / 4, 1.0) for pause in range(80)])
    assert way.max() > 0.4 and way[0] == 0 and way[-1] == 0 and np.abs(np.diff(way[::4])).max() < 0.3
    assert all(raised(pause, 0.0) == 0 for pause in range(20))


def test_eyes_stay_with_the_viewer_while_the_head_turns_and_nods() -> None:
    held = Swing(yaw=np.radians(3.0), pitch=np.radians(-2.0), roll=0.0, dx=0.0, dy=0.0, breath=0.0)
    plain, turned = look_at(5, 300, CALM), look_at(5, 300, CALM, NEUTRAL, held)
    assert abs(turned.gaze_x - plain.gaze_x + 3.0) < 0.5 and abs(turned.gaze_y - plain.gaze_y - 2.0) < 0.5


def test_what_is_left_of_a_voice_goes_on_from_where_it_was() -> None:
    """After the last sound the picture at rest goes on: a blink that has begun ends, a brow that is up comes down."""
    ended = Emphasis(0.5, 0.2, 0.4, 1.0, 7.0)
    way = [look_at(9, 400 + slots, ended.after(slots)) for slots in range(12)]
    assert np.abs(np.diff([look.inner for look in way])).max() < 0.3
    assert way[-1].inner == 0
