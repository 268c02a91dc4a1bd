from __future__ import annotations

import pytest

from app.commands.moods import MoodError, looks_of
from app.inference.expression import NEUTRAL, Expression
from app.inference.fade import BLEND_SLOTS
from app.inference.looks import PLAIN


def test_none_leaves_the_face_neutral() -> None:
    assert looks_of([]) is PLAIN


def test_a_mood_without_a_time_is_there_from_the_first_picture() -> None:
    assert looks_of(["warm:0.5"]).at(0) == Expression(warm=0.5) == looks_of(["0=warm:0.5"]).at(1000)


def test_moods_with_times_follow_each_other_in_any_order() -> None:
    looks = looks_of(["40=neutral", "2=sorry", "surprised:0.3"])
    assert looks.at(50) == Expression(surprised=0.3) and looks.at(50 + BLEND_SLOTS) == Expression(sorry=1.0)
    assert looks.at(1000) == Expression(sorry=1.0) and looks.at(1000 + BLEND_SLOTS) == NEUTRAL


@pytest.mark.parametrize("said", ["", "furious", "warm:2", "warm:much", "x=warm", "-1=warm", "nan=warm", "1="])
def test_what_is_no_mood_is_said(said: str) -> None:
    with pytest.raises(MoodError, match=r"warm|recording"):
        looks_of([said])
