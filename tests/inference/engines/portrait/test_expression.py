"""How a face is to look, on its way to where it is drawn."""

from __future__ import annotations

from typing import Any

import pytest

from app.avatars.avatar import Avatar
from app.inference.calibration import loud_window
from app.inference.engine import Job
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.idle_motion import PortraitMotion
from app.inference.engines.portrait.viseme_net import SPAN
from app.inference.expression import NEUTRAL, Expression
from app.media import I420

WARM, SORRY = Expression(warm=1.0), Expression(sorry=0.5, nod=0.2)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Expression]:
    """The expressions that pictures were drawn with."""
    noted: list[Expression] = []
    draw = PortraitMotion.draw

    def note(self: PortraitMotion, *at: Any, **more: Any) -> I420:
        noted.extend(value for value in (*at, *more.values()) if isinstance(value, Expression))
        return draw(self, *at, **more)

    monkeypatch.setattr(PortraitMotion, "draw", note)
    return noted


def test_an_expression_comes_to_the_picture_that_speaks_and_to_the_one_at_rest(
    avatar: Avatar, drawn: list[Expression]
) -> None:
    engine = PortraitEngine()
    prepared = engine.prepare(avatar)
    life = prepared.idle_motion
    assert life is not None
    drawn.clear()
    window = loud_window(SPAN)
    engine.render([Job(prepared, window, 90, WARM)])
    life.at_rest(90, life.emphasis(window), SORRY)
    life.at_rest(90, life.emphasis(window))
    assert drawn == [WARM, SORRY, NEUTRAL]


def test_a_face_that_only_blinks_or_has_no_life_ignores_it(avatar: Avatar, drawn: list[Expression]) -> None:
    window = loud_window(SPAN)
    calm = PortraitEngine().prepare(avatar).without_idle_motion()
    plain_engine = PortraitEngine(idle_motion=False)
    drawn.clear()
    for engine, prepared in ((PortraitEngine(), calm), (plain_engine, plain_engine.prepare(avatar))):
        looks, plain = engine.render([Job(prepared, window, 90, SORRY), Job(prepared, window, 90)])
        assert prepared.idle_motion is None and (looks == plain).all()
    assert drawn == []
