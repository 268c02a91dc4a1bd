"""However slow the drawing of pictures, a voice is heard: older pictures are shown again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from app.media import SLOT_MS
from app.pacer.schedule import LIVE, Mode
from tests.thread_model import Heard, ThreadModel, known, steady

MINUTE_S = 60
LEARNT_S = 15  # a voice's first pauses, in which its delay grows to what pictures take
LATEST_S = 4  # what is spoken after this much before the end may still wait to be heard
HARD_LIMIT_MS = LIVE.hard_limit * SLOT_MS
MARGINS_MS = 320  # that a delay may be beyond what a picture takes

Speaks = Callable[[float], bool]


def talking(at_s: float) -> bool:
    """Pause a second in four."""
    return at_s % 4 < 3


def chatting(at_s: float) -> bool:
    """Pause often."""
    return at_s % 1.3 < 0.9


def reciting(at_s: float) -> bool:
    """Pause never."""
    return True


def heard_for_a_minute(model: ThreadModel, least: float = 1) -> Heard:
    """Let a voice speak, and see that it, or at least so much of it, is heard in order."""
    heard = model.run(MINUTE_S)
    assert heard.share(MINUTE_S - LATEST_S) >= least
    assert all(before < after for before, after in pairwise(heard.played))
    return heard


@pytest.mark.parametrize("speaks", [talking, chatting, reciting])
@pytest.mark.parametrize("picture_ms", [50, 100, 200, 400, 600])
def test_a_live_voice_is_heard_whole_however_long_pictures_take(picture_ms: int, speaks: Speaks) -> None:
    model = ThreadModel(steady(picture_ms), speaks=speaks)
    known(model, picture_ms)
    heard = heard_for_a_minute(model)
    assert len(heard.holes_at_s) <= 2 and max(heard.holes_at_s, default=0) < LEARNT_S
    assert max(heard.delays_ms) <= picture_ms + MARGINS_MS
    assert len(model.engine.drawn) >= 0.9 * MINUTE_S * 1000 / picture_ms, "the thread is never idle"


@pytest.mark.parametrize("speaks", [talking, chatting, reciting])
@pytest.mark.parametrize("picture_ms", [100, 400, 600])
def test_a_rush_that_begins_and_ends_cuts_hardly_any_speech_and_then_the_lips_go_on(
    picture_ms: int, speaks: Speaks
) -> None:
    model = ThreadModel(lambda at_s: picture_ms if 15 < at_s < 35 else 8, speaks=speaks)
    known(model, 8)
    heard = heard_for_a_minute(model, 0.98)  # the first long picture may be a stall alone
    assert len(heard.holes_at_s) <= 3
    assert max(heard.delays_ms) < HARD_LIMIT_MS
    assert sum(at_s > MINUTE_S - 5 for at_s in heard.pictures_at_s) > 110


@pytest.mark.parametrize("speaks", [talking, chatting, reciting])
@pytest.mark.parametrize("stall_ms", [300, 1000, 2000])
def test_after_a_stall_the_lips_go_on_at_once(stall_ms: int, speaks: Speaks) -> None:
    stalls = iter([stall_ms])
    model = ThreadModel(lambda at_s: next(stalls, 8) if at_s > 20 else 8, speaks=speaks)
    known(model, 8)
    heard = heard_for_a_minute(model)
    frozen = [later - before for before, later in pairwise(heard.pictures_at_s)]
    assert max(frozen) < stall_ms / 1000 + 0.3 and sum(length > 0.2 for length in frozen) <= 1


@pytest.mark.parametrize("speaks", [talking, reciting])
@pytest.mark.parametrize("picture_ms", [1000, 2000])
def test_a_face_that_must_stand_still_leaves_the_voice_alone(picture_ms: int, speaks: Speaks) -> None:
    model = ThreadModel(steady(picture_ms), speaks=speaks)
    known(model, picture_ms)
    heard = model.run(MINUTE_S)
    assert heard.share(MINUTE_S - LATEST_S) > 0.95
    assert max(heard.delays_ms) < HARD_LIMIT_MS + 1000
    assert max(heard.pictures_at_s) > MINUTE_S / 2, "now and then it moves"


def test_in_a_pause_the_mouth_is_at_rest_though_nothing_is_drawn() -> None:
    model = ThreadModel(steady(400), speaks=talking)
    known(model, 400)
    assert model.run(MINUTE_S).open_in_silence == 0


@pytest.mark.parametrize("mode", ["clip", "agent"])
def test_a_recording_plays_every_sample_in_order(mode: Mode) -> None:
    model = ThreadModel(steady(100), mode, speaks=talking)
    known(model, 100)
    heard = model.run(MINUTE_S)
    assert heard.played == list(range(len(heard.played)))
