"""However slow the drawing of pictures, a voice is heard: older pictures are shown again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from app.media import SLOT_MS, VIDEO_FPS
from app.pacer.schedule import LIVE, Mode
from tests.thread_model import Heard, Speech, ThreadModel, known, steady

MINUTE_S = 60
LEARNT_S = 15  # a voice's first pauses, in which its delay grows to what pictures take
LEARNT_SLOTS = LEARNT_S * VIDEO_FPS
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
    (heard,) = model.run(MINUTE_S)
    assert heard.share(MINUTE_S - LATEST_S) >= least
    assert all(before < after for before, after in pairwise(heard.played))
    return heard


@pytest.mark.parametrize("speaks", [talking, chatting, reciting])
@pytest.mark.parametrize("picture_ms", [50, 100, 200, 400, 600])
def test_a_live_voice_is_heard_whole_however_long_pictures_take(picture_ms: int, speaks: Speaks) -> None:
    model = ThreadModel(steady(picture_ms), Speech(speaks))
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
    model = ThreadModel(lambda at_s: picture_ms if 15 < at_s < 35 else 8, Speech(speaks))
    known(model, 8)
    heard = heard_for_a_minute(model, 0.98)  # the first long picture may be a stall alone
    assert len(heard.holes_at_s) <= 3
    assert max(heard.delays_ms) < HARD_LIMIT_MS
    assert sum(at_s > MINUTE_S - 5 for at_s in heard.pictures_at_s) > 110


@pytest.mark.parametrize("speaks", [talking, chatting, reciting])
@pytest.mark.parametrize("stall_ms", [300, 1000, 2000])
def test_after_a_stall_the_lips_go_on_at_once(stall_ms: int, speaks: Speaks) -> None:
    stalls = iter([stall_ms])
    model = ThreadModel(lambda at_s: next(stalls, 8) if at_s > 20 else 8, Speech(speaks))
    known(model, 8)
    heard = heard_for_a_minute(model)
    frozen = [later - before for before, later in pairwise(heard.pictures_at_s)]
    assert max(frozen) < stall_ms / 1000 + 0.3 and sum(length > 0.2 for length in frozen) <= 1


@pytest.mark.parametrize("speaks", [talking, reciting])
@pytest.mark.parametrize("picture_ms", [1000, 2000])
def test_a_face_that_must_stand_still_leaves_the_voice_alone(picture_ms: int, speaks: Speaks) -> None:
    model = ThreadModel(steady(picture_ms), Speech(speaks))
    known(model, picture_ms)
    (heard,) = model.run(MINUTE_S)
    assert heard.share(MINUTE_S - LATEST_S) > 0.95
    assert max(heard.delays_ms) < HARD_LIMIT_MS + 1000
    assert max(heard.pictures_at_s) > MINUTE_S / 2, "now and then it moves"


def test_in_a_pause_the_mouth_is_at_rest_though_nothing_is_drawn() -> None:
    model = ThreadModel(steady(400), Speech(talking))
    known(model, 400)
    assert model.run(MINUTE_S)[0].open_in_silence == 0


@pytest.mark.parametrize("mode", ["clip", "agent"])
def test_a_recording_plays_every_sample_in_order(mode: Mode) -> None:
    model = ThreadModel(steady(100), Speech(talking, mode))
    known(model, 100)
    (heard,) = model.run(MINUTE_S)
    assert heard.played == list(range(len(heard.played)))


@pytest.mark.parametrize("speaks", [talking, chatting, reciting])
@pytest.mark.parametrize(("voices", "picture_ms"), [(2, 25), (2, 30), (3, 30), (7, 9), (6, 100)])
def test_voices_that_are_too_many_together_are_all_heard(voices: int, picture_ms: int, speaks: Speaks) -> None:
    model = ThreadModel(steady(picture_ms), *[Speech(speaks)] * voices, max_batch=1)
    known(model, picture_ms)
    for heard in model.run(MINUTE_S):
        assert heard.share(MINUTE_S - LATEST_S) > 0.995
        assert len(heard.holes_at_s) <= 5 and max(heard.holes_at_s, default=0) < LEARNT_S
        assert max(heard.delays_ms[LEARNT_SLOTS:]) < 2 * voices * picture_ms + MARGINS_MS
        assert len(heard.pictures_at_s) > 0.6 * MINUTE_S * 1000 / picture_ms / voices, "all faces move"


@pytest.mark.parametrize("chunk", [1, 70])
@pytest.mark.parametrize("mode", ["clip", "agent"])
@pytest.mark.parametrize(("live", "sent", "picture_ms"), [(1, 1, 25), (2, 1, 20), (1, 1, 100), (3, 3, 8), (2, 2, 30)])
def test_live_voices_and_others_share_what_is_too_little(
    live: int, sent: int, picture_ms: int, mode: Mode, chunk: int
) -> None:
    speeches = [Speech(talking)] * live + [Speech(talking, mode, chunk)] * sent
    model = ThreadModel(steady(picture_ms), *speeches, max_batch=1)
    known(model, picture_ms)
    for speech, heard in zip(speeches, model.run(MINUTE_S), strict=True):
        assert heard.share(MINUTE_S - LATEST_S) == 1 and heard.played == sorted(heard.played)
        assert len(heard.holes_at_s) <= 3 and max(heard.holes_at_s, default=0) < LEARNT_S
        waits_ms = (speech.chunk - 1) * SLOT_MS
        assert max(heard.delays_ms) < waits_ms + 2 * len(speeches) * picture_ms + MARGINS_MS
        assert len(heard.pictures_at_s) > 0.7 * min(VIDEO_FPS, 1000 / picture_ms / len(speeches)) * MINUTE_S


@pytest.mark.parametrize("chunk", [1, 3, 10])
@pytest.mark.parametrize(("voices", "batch_ms", "picture_ms"), [(16, 9, 0.2), (32, 5, 0.1), (12, 8, 0.3)])
def test_who_is_drawn_together_is_drawn_in_time(voices: int, batch_ms: float, picture_ms: float, chunk: int) -> None:
    model = ThreadModel(steady(picture_ms), *[Speech(talking, chunk=chunk)] * voices, batch_ms=batch_ms, max_batch=128)
    known(model, batch_ms + picture_ms)
    for heard in model.run(20):
        assert heard.share(16) == 1
        assert sum(at_s > 5 for at_s in heard.pictures_at_s) > 0.97 * 15 * VIDEO_FPS


@pytest.mark.parametrize("chunk", [1, 3, 5, 10])
def test_stalls_now_and_then_leave_the_lips_alone(chunk: int) -> None:
    ends_s = iter(range(1, MINUTE_S * 2))
    until_s = [0.0]

    def picture_ms(at_s: float) -> float:
        if at_s < until_s[0]:
            return 8
        until_s[0] = 0.9 * next(ends_s)
        return 45

    model = ThreadModel(picture_ms, Speech(talking, chunk=chunk))
    known(model, 8)
    (heard,) = model.run(MINUTE_S)
    assert heard.share(MINUTE_S - LATEST_S) == 1
    assert len(heard.pictures_at_s) > 0.97 * MINUTE_S * VIDEO_FPS
