"""What a head does by itself, as numbers: breath, sway, and what the voice adds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from app.assets import SAMPLE
from app.commands.render import read_windows
from app.emphasis import CALM, Emphasis
from app.inference.engines.portrait.emphasis import emphasis_of
from app.inference.engines.portrait.field import Swing
from app.inference.engines.portrait.moment import ASKED_NOD, MOST, Moment, moment
from app.inference.engines.portrait.nods import nod_at
from app.inference.engines.portrait.poise import held_at
from app.inference.expression import NEUTRAL, Expression
from app.inference.features.loudness import speech_power
from app.inference.features.window import MelSpan
from app.media import VIDEO_FPS

HOUR = 3600 * VIDEO_FPS
SPAN = MelSpan(first_frame=-25, columns=85)


LIMITS = np.array(MOST)
SPEAKS = Emphasis(0.6, 0.6)


def held(now: Moment) -> np.ndarray:
    return np.array(now.swing)


def said() -> list[Emphasis]:
    """The sample's, slot by slot."""
    return [emphasis_of(window.power) for window in read_windows(SAMPLE, SPAN)]


def angles(seed: int, emphases: list[Emphasis], slots: int, expression: Expression = NEUTRAL) -> np.ndarray:
    """Yaw, pitch and roll in degrees, (slots, 3)."""
    swings = [moment(seed, 1000 + k, emphases[k % len(emphases)], expression).swing[:3] for k in range(slots)]
    return np.degrees(swings)


def test_any_moment_can_be_asked_for_in_any_order_and_has_one_answer() -> None:
    forth = [moment(5, position, SPEAKS) for position in range(0, 20_000, 37)]
    back = [moment(5, position, SPEAKS) for position in reversed(range(0, 20_000, 37))]
    assert forth == back[::-1]
    assert moment(6, 12_345, CALM) != moment(5, 12_345, CALM)
    assert np.isfinite(held(moment(5, 10**9, SPEAKS))).all() and np.isfinite(held(moment(5, -3, CALM))).all()


def test_life_sets_in_from_the_picture_as_it_is() -> None:
    assert moment(5, 0, SPEAKS) == Moment(Swing(*(6 * [0.0])))


def test_the_head_never_jumps() -> None:
    emphases = said()
    way = np.array([held(moment(9, position, emphases[position % 500])) for position in range(HOUR // 6)])
    assert (np.abs(way).max(axis=0) <= LIMITS).all()
    calm = np.arange(1, len(way)) % 500 != 0  # where the sample begins anew
    steps = np.degrees(np.abs(np.diff(way, axis=0))[calm, :3])
    assert steps.max() < 1.3, "no faster than 33 degrees a second"
    bend = np.degrees(np.abs(np.diff(way, 2, axis=0))[calm[1:] & calm[:-1], :3])
    assert bend.max() < 1.05, "and it sets off softly"
    assert (np.abs(np.diff(way[:, 3:], axis=0)).max(axis=0) < LIMITS[3:] * (0.15, 0.15, 0.09)).all()


def test_a_head_is_held_and_shifts_and_does_not_swing() -> None:
    """A sine spends its time between its ends; a head rests, then moves on within half a second or so."""
    way = np.degrees([held_at(4, slot / VIDEO_FPS) for slot in range(HOUR)])
    speed = np.linalg.norm(np.diff(way, axis=0), axis=1) * VIDEO_FPS
    rests = speed < 0.2
    assert 0.5 < rests.mean() < 0.8
    edges = np.flatnonzero(np.diff(rests.astype(int)))
    lasts = np.diff(edges) / VIDEO_FPS
    shifts, holds = (lasts[::2], lasts[1::2]) if rests[0] else (lasts[1::2], lasts[::2])
    assert 0.35 < np.median(shifts) < 0.8 and shifts.max() < 2
    assert holds.std() > 0.5 * holds.mean(), "at no beat of its own"
    power = np.abs(np.fft.rfft((way - way.mean(axis=0)) * np.hanning(len(way))[:, None], axis=0)) ** 2
    assert (power.max(axis=0) < 0.06 * power.sum(axis=0)).all(), "no frequency stands out"
    assert (np.abs(way.mean(axis=0)) < 0.3).all() and (way.std(axis=0) > 0.8).all()


def test_the_head_moves_as_far_and_as_fast_as_people_s_do() -> None:
    """See docs/portrait.md: a few degrees, a few degrees a second, under two movements a second."""
    speaks, listens = angles(3, said(), 6000), angles(3, [CALM], 6000)
    assert (speaks.std(axis=0) > (1.5, 1.0, 0.8)).all() and (speaks.std(axis=0) < (4, 3.5, 2.5)).all()
    assert (listens.std(axis=0) < 0.75 * speaks.std(axis=0)).all()
    speed = np.linalg.norm(np.diff(speaks, axis=0), axis=1) * VIDEO_FPS
    assert 3 < speed.mean() < 9 and 9 < np.percentile(speed, 95) < 25
    slow = np.linalg.norm(np.diff(listens, axis=0), axis=1) * VIDEO_FPS
    assert slow.mean() < 0.5 * speed.mean()
    power = np.abs(np.fft.rfft((speaks - speaks.mean(axis=0)) * np.hanning(len(speaks))[:, None], axis=0)) ** 2
    hz = np.fft.rfftfreq(len(speaks), 1 / VIDEO_FPS)
    assert (power[hz > 3].sum(axis=0) < 0.02 * power.sum(axis=0)).all()


def test_a_stressed_syllable_bows_the_head_and_the_end_of_a_phrase_lets_it_sink() -> None:
    """On the mean over many moments, as each has its own way of stressing."""
    places = range(1000, 60_000, 211)

    def pitch(emphasis: Emphasis) -> float:
        return float(np.degrees(np.mean([moment(5, place, emphasis).swing.pitch for place in places])))

    even = pitch(Emphasis(0.5, 0.5))
    assert pitch(Emphasis(0.5, 0.8)) > even + 0.8
    assert pitch(Emphasis(0.5, 0.2)) > even + 0.8
    assert pitch(Emphasis(0.7, 0.7)) < even, "a voice that is up raises it"


def test_the_head_goes_with_the_sample_s_own_stresses() -> None:
    emphases = said()
    voice = np.array([(each.beat, each.fall, each.level, 1) for each in emphases])
    talks = voice[:, 2] > 0.25  # below that it listens
    explained = []
    for heard in (emphases, [SPEAKS]):
        pitch = np.mean([angles(seed, heard, len(emphases))[:, 1] for seed in range(40)], axis=0)[talks]
        follows, *_ = np.linalg.lstsq(voice[talks], pitch, rcond=None)
        explained.append(1 - float((pitch - voice[talks] @ follows).var() / pitch.var()))
        if heard is emphases:
            assert follows[0] > 2 and follows[1] > 2 and follows[2] < 0
    assert explained[0] > 0.5 > 0.3 > explained[1]


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_who_listens_nods_now_and_then_for_an_hour(seed: int) -> None:
    bowed = np.degrees([nod_at(seed, position / VIDEO_FPS) for position in range(HOUR)])
    assert bowed.min() == 0 and 3 < bowed.max() <= 3.2
    edges = np.flatnonzero(np.diff((bowed > 1e-3).astype(int)))
    begins, ends = edges[::2], edges[1::2]
    rests = (begins[1:] - ends[: len(begins) - 1]) / VIDEO_FPS
    rests = rests[rests > 1]  # else the second of two
    assert rests.min() >= 4.9 and 7 < rests.mean() < 11 and rests.std() > 1.5
    assert 240 < len(rests) < 480
    deepest = np.array([bowed[begin : end + 1].max() for begin, end in zip(begins, ends, strict=False)])
    assert deepest.min() > 0.6 and 1.7 < deepest.mean() < 2.6
    lasts = (ends - begins) / VIDEO_FPS
    assert lasts.min() >= 0.5 and lasts.max() <= 2.1
    assert np.abs(np.diff(bowed)).max() < 0.75, "a quarter of the way in a slot, at most"
    assert np.abs(np.diff(bowed, 2)).max() < 0.33, "it begins and ends softly"


def test_who_speaks_does_not_nod_as_who_listens_does() -> None:
    deepest = max(range(HOUR), key=lambda position: nod_at(4, position / VIDEO_FPS))

    def dips(emphasis: Emphasis) -> float:
        before, at = (moment(4, slot, emphasis).swing.pitch for slot in (deepest - VIDEO_FPS, deepest))
        held_before, held = (held_at(4, slot / VIDEO_FPS)[1] for slot in (deepest - VIDEO_FPS, deepest))
        return float(np.degrees(at - before - (0.5 if emphasis == CALM else 1) * (held - held_before)))

    assert dips(CALM) > 2 > 1 > abs(dips(SPEAKS))


def test_a_nod_that_is_asked_for_bows_the_head_and_who_attends_stirs_less() -> None:
    for position in (2000, 5555, 9000):
        asked = moment(5, position, CALM, Expression(nod=1.0)).swing.pitch - moment(5, position, CALM).swing.pitch
        assert 0.7 * ASKED_NOD < asked <= ASKED_NOD
        halfway = moment(5, position, CALM, Expression(nod=0.5)).swing.pitch - moment(5, position, CALM).swing.pitch
        assert 0.4 * asked < halfway < 0.6 * asked
    attends, neutral = angles(6, [CALM], 5000, Expression(attending=1.0)), angles(6, [CALM], 5000)
    assert attends[:, 0].std() < 0.85 * neutral[:, 0].std()
    assert 0.8 < (attends - neutral)[:, 1].mean() < 2, "it bows a little"


def test_from_listening_to_speaking_and_back_the_head_does_not_jump() -> None:
    """The voice sets in at the worst moment: in the middle of the deepest nod. And it is cut off at any."""
    deepest = max(range(HOUR), key=lambda position: nod_at(4, position / VIDEO_FPS))
    sample = said()
    rises = sample[: 2 * VIDEO_FPS]
    sounds = next(slot for slot, each in enumerate(rises) if each.level > 0)
    cut_off = [[sample[cut].after(slot) for slot in range(50)] for cut in range(20, 500, 37)]
    for first in range(deepest - sounds - 12, deepest - sounds + 4):
        for emphases in (rises, *cut_off):
            way = np.array([held(moment(4, first + slot, each)) for slot, each in enumerate(emphases)])
            steps = np.degrees(np.abs(np.diff(way, axis=0))[:, :3])
            assert steps.max() < 1.6


def test_what_is_left_of_a_voice_falls_to_nothing_and_ends_as_a_phrase_does() -> None:
    left = [Emphasis(0.7, 0.75).after(slot) for slot in range(60)]
    assert left[0] == Emphasis(0.7, 0.75) and left[-1] is CALM
    assert all(a.level >= b.level and a.quick >= b.quick for a, b in pairwise(left))
    assert left[0].fall == 0 and max(each.fall for each in left) > 0.05 and left[0].beat > 0


def test_breath_takes_about_four_seconds_and_is_not_quite_regular() -> None:
    breath = np.array([moment(3, position, CALM).swing.breath for position in range(100, HOUR // 6)])
    begins = np.flatnonzero((breath[1:] > 0) & (breath[:-1] <= 0)) / VIDEO_FPS
    periods = np.diff(begins)
    assert 3.8 < periods.mean() < 4.4 and 0.1 < periods.std() < 0.6


def test_emphasis_follows_the_voice_smoothly_and_is_none_in_silence() -> None:
    windows = list(read_windows(SAMPLE, SPAN))
    found = np.array([(each.level, each.quick) for each in (emphasis_of(window.power) for window in windows)])
    assert (found[0] == 0).all() and found.min() >= 0 and (found.max(axis=0) > 0.4).all() and found.max() <= 1
    assert (np.abs(np.diff(found, axis=0)).max(axis=0) < (0.1, 0.2)).all()
    assert emphasis_of(speech_power(np.full((80, 85), -4.0, np.float32))) == CALM
    assert emphasis_of(speech_power(np.zeros((80, 0), np.float32))) == CALM
