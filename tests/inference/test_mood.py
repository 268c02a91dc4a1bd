from __future__ import annotations

from dataclasses import fields

import pytest

from app.errors import Refusal
from app.inference.expression import NEUTRAL, Expression
from app.inference.mood import CALM, MOODS, Mood


def test_every_mood_but_neutral_is_a_field_of_the_expression() -> None:
    names = [field.name for field in fields(Expression)]
    assert set(MOODS) - {"neutral"} == set(names) - {"attending", "nod"}
    assert CALM.expression == Mood.of("neutral", 0.3).expression == NEUTRAL
    assert Mood.of("sorry", 0.4).expression == Expression(sorry=0.4)


def test_an_unknown_mood_is_refused_and_the_sentence_names_those_that_are() -> None:
    with pytest.raises(Refusal) as refused:
        Mood.of("attending")
    assert refused.value.code == "no_such_mood" and "neutral, warm, serious, surprised or sorry" in str(refused.value)


@pytest.mark.parametrize("strength", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_strength_outside_0_to_1_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        Mood.of("warm", strength)
