"""What a head does by itself, as numbers: breath, sway, and what the voice adds."""

from __future__ import annotations

import numpy as np
import pytest

from app.assets import SAMPLE
from app.commands.render import read_windows
from app.emphasis import CALM, LEVEL_EASING
from app.inference.engines.portrait.emphasis import emphasis_of
from app.inference.engines.portrait.moment import MOST, Moment, moment
from app.inference.features.loudness import speech_power
from app.inference.features.window import MelSpan
from app.media import VIDEO_FPS

HOUR = 3600 * VIDEO_FPS
SPAN = MelSpan(first_frame=-25, columns=85)


def held(now: Moment) -> np.ndarray:
    return np.array([now.dx, now.dy, now.roll, now.breath, now.nod])


def test_any_moment_can_be_asked_for_in_any_order_and_has_one_answer() -> None:
    forth = [moment(5, position, 0.3) for position in range(0, 20_000, 37)]
    back = [moment(5, position, 0.3) for position in reversed(range(0, 20_000, 37))]
    assert forth == back[::-1]
    assert moment(6, 12_345, 0.0) != moment(5, 12_345, 0.0)
    assert np.isfinite(held(moment(5, 10**9, 1.0))).all() and np.isfinite(held(moment(5, -3, 0.0))).all()


def test_life_sets_in_from_the_picture_as_it_is() -> None:
    assert moment(5, 0, 1.0) == Moment(0.0, 0.0, -0.0, 0.0, 0.0)


def test_the_head_never_jumps() -> None:
    way = np.array([held(moment(9, position, 0.5)) for position in range(HOUR // 6)])
    assert (np.abs(way).max(axis=0) <= MOST).all()
    assert (np.abs(np.diff(way, axis=0)).max(axis=0) < MOST * (0.04, 0.04, 0.06, 0.09, 1)).all()
    bend = np.abs(np.diff(way, 2, axis=0)).max(axis=0)
    assert (bend < MOST * (0.004, 0.004, 0.004, 0.02, 1)).all()


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_who_listens_nods_now_and_then_for_an_hour(seed: int) -> None:
    bowed = np.degrees([moment(seed, position, 0.0).nod for position in range(HOUR)])
    assert bowed.min() == 0 and 1.9 < bowed.max() <= 2
    edges = np.flatnonzero(np.diff((bowed > 1e-3).astype(int)))
    begins, ends = edges[::2], edges[1::2]
    rests = (begins[1:] - ends[: len(begins) - 1]) / VIDEO_FPS
    rests = rests[rests > 1]  # else the second of two
    assert rests.min() >= 4.9 and 7 < rests.mean() < 11 and rests.std() > 1.5
    assert 240 < len(rests) < 480
    deepest = np.array([bowed[begin : end + 1].max() for begin, end in zip(begins, ends, strict=False)])
    assert deepest.min() > 0.5 and 1.2 < deepest.mean() < 1.8
    lasts = (ends - begins) / VIDEO_FPS
    assert lasts.min() >= 0.5 and lasts.max() <= 2.1
    assert np.abs(np.diff(bowed)).max() < 0.45, "a fifth of the way in a slot, at most"
    assert np.abs(np.diff(bowed, 2)).max() < 0.2, "it begins and ends softly"


def test_who_speaks_does_not_nod_and_moves_more() -> None:
    listens, speaks = (
        np.array([held(moment(4, position, emphasis)) for position in range(HOUR // 12)]) for emphasis in (0.0, 1.0)
    )
    assert np.abs(speaks[:, 4]).max() == 0
    assert np.abs(listens[:, :1]).max() < 0.6 * np.abs(speaks[:, :1]).max()
    assert np.abs(listens[:, 2]).max() < np.abs(speaks[:, 2]).max()


def test_from_listening_to_speaking_and_back_the_head_does_not_jump() -> None:
    """The voice sets in at the worst moment: in the middle of the deepest nod."""
    deepest = max(range(HOUR), key=lambda position: moment(4, position, 0.0).nod)
    sample = [emphasis_of(window.power).level for window in read_windows(SAMPLE, SPAN)]
    rises = np.array(sample[: 2 * VIDEO_FPS])
    assert rises[0] == 0 and rises.max() > 0.3
    sounds = int(np.argmax(rises > 0))
    for first in range(deepest - sounds - 12, deepest - sounds + 4):
        for emphases in (rises, 0.8 * LEVEL_EASING ** np.arange(50)):
            way = np.array([held(moment(4, first + slot, float(each))) for slot, each in enumerate(emphases)])
            steps = np.abs(np.diff(way, axis=0)).max(axis=0)
            assert (steps < MOST * (0.12, 0.12, 0.12, 0.12, 0.4)).all()


def test_the_sway_holds_nothing_fast_and_no_drift() -> None:
    way = np.array([held(moment(3, position, 0.0))[:3] for position in range(1000, 1000 + HOUR // 2)])
    power = np.abs(np.fft.rfft((way - way.mean(axis=0)) * np.hanning(len(way))[:, None], axis=0)) ** 2
    hz = np.fft.rfftfreq(len(way), 1 / VIDEO_FPS)
    assert (power[hz > 0.5].sum(axis=0) < 0.02 * power.sum(axis=0)).all()
    assert (np.abs(way.mean(axis=0)) < 0.1 * MOST[:3]).all()


def test_breath_takes_about_four_seconds_and_is_not_quite_regular() -> None:
    breath = np.array([moment(3, position, 0.0).breath for position in range(100, HOUR // 6)])
    begins = np.flatnonzero((breath[1:] > 0) & (breath[:-1] <= 0)) / VIDEO_FPS
    periods = np.diff(begins)
    assert 3.8 < periods.mean() < 4.4 and 0.1 < periods.std() < 0.6


def test_emphasis_follows_the_voice_smoothly_and_is_none_in_silence() -> None:
    windows = list(read_windows(SAMPLE, SPAN))
    found = np.array([emphasis_of(window.power).level for window in windows])
    assert found[0] == 0 and found.min() >= 0 and 0.4 < found.max() <= 1
    assert np.abs(np.diff(found)).max() < 0.1
    assert emphasis_of(speech_power(np.full((80, 85), -4.0, np.float32))) == CALM
    assert emphasis_of(speech_power(np.zeros((80, 0), np.float32))) == CALM
