"""Stages that have refused somebody, and when they are asked again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.cluster.aside import ASIDE_NS, LOOK_NS, stand_aside
from app.cluster.placing import LACKS_ENGINE
from tests.fakes import SteppedClock


def card(*bares: str) -> dict[str, Any]:
    return {"sessions": [{"bare": each} for each in bares]}


@pytest.mark.parametrize("code", ["server_busy", LACKS_ENGINE])
async def test_it_stands_aside_for_a_while(code: str) -> None:
    clock = SteppedClock()
    aside = asyncio.create_task(stand_aside(code, lambda: card("s1"), clock))
    await clock.advance(ASIDE_NS[code] - LOOK_NS)
    assert not aside.done()
    await clock.advance(2 * LOOK_NS)
    assert aside.done()


async def test_one_that_was_busy_is_asked_again_once_a_session_has_ended() -> None:
    clock, cards = SteppedClock(), [card("s1", "s2")]
    aside = asyncio.create_task(stand_aside("server_busy", lambda: cards[-1], clock))
    await clock.advance(2 * LOOK_NS)
    cards.append(card("s1", "s2", "s3"))
    await clock.advance(2 * LOOK_NS)
    assert not aside.done()
    cards.append(card("s1", "s3"))
    await clock.advance(2 * LOOK_NS)
    assert aside.done()


async def test_who_refused_for_anything_else_does_not_stand_aside() -> None:
    await stand_aside("no_such_avatar", lambda: card(), SteppedClock())
