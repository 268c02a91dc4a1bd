"""What a voice tells a face: where a phrase ends, and whether it rises."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soxr

from app.assets import SAMPLE
from app.commands.render import read_windows
from app.emphasis import CALM
from app.inference.engines.portrait.emphasis import LOUD_RANGE_DB, RAISED_S, STEPS, SYLLABLE, emphasis_of
from app.inference.engines.portrait.viseme_net import SPAN
from app.inference.engines.portrait.voice import voice_of
from app.inference.features.mel import COLUMNS_PER_SECOND
from app.inference.features.window import Window
from app.media import MODEL_RATE, VIDEO_FPS
from app.smoothstep import smoothstep
from bench.portrait_quality import windows_of


def sung(pitches: np.ndarray) -> np.ndarray:
    """A voice of so many hertz at each sample: harmonics that fall off, under a vowel's two formants."""
    turn, wave = np.cumsum(pitches) / MODEL_RATE, np.zeros(len(pitches))
    for k in range(1, 14):
        hz = k * pitches
        gain = 1 / k * (0.2 + np.exp(-(((hz - 500) / 250) ** 2)) + 0.5 * np.exp(-(((hz - 1500) / 300) ** 2)))
        wave += gain * np.sin(2 * np.pi * k * turn) * (hz < 4000)
    return np.asarray(0.2 * wave / np.abs(wave).max())


def phrase(pitch_hz: float, last: float, seconds: float = 1.2) -> np.ndarray:
    """A phrase at a pitch, whose last 0.25 s go to ``last`` of it; then silence."""
    count, tail = int(seconds * MODEL_RATE), int(0.25 * MODEL_RATE)
    pitches = np.full(count, pitch_hz) * (1 - 0.08 * np.arange(count) / count)
    pitches[-tail:] *= np.linspace(1, last, tail)
    return np.concatenate([np.zeros(4000), sung(pitches), np.zeros(MODEL_RATE)]).astype(np.float32)


def heard(wave: np.ndarray) -> list[Window]:
    return windows_of(wave)


@pytest.mark.parametrize("pitch_hz", [95.0, 120.0, 180.0, 230.0])
def test_a_phrase_that_rises_is_a_question_and_one_that_falls_is_none(pitch_hz: float) -> None:
    asks = [voice_of(window).rise for window in heard(phrase(pitch_hz, 1.35))]
    says = [voice_of(window).rise for window in heard(phrase(pitch_hz, 0.75))]
    assert max(asks) > 0.9 and max(says) < 0.1


def test_a_phrase_s_end_is_told_from_when_it_is_silent_and_counted_from_there() -> None:
    pauses = np.array([voice_of(window).pause_slots for window in heard(phrase(120.0, 0.75))])
    end = (4000 / MODEL_RATE + 1.2) * VIDEO_FPS
    counted = np.flatnonzero((pauses > 0) & np.isfinite(pauses))
    counted = counted[counted > end]
    assert len(counted) >= 12
    assert np.abs(pauses[counted] - (counted - end)).max() < 3
    assert np.abs(np.diff(pauses[counted]) - 1).max() < 0.5


def test_speech_ends_in_phrases_now_and_then_and_silence_in_none() -> None:
    windows = list(read_windows(SAMPLE, SPAN))
    pauses = np.array([voice_of(window).pause_slots for window in windows])
    ended = (pauses > 5.5) & np.isfinite(pauses)
    ends = np.flatnonzero(ended[1:] & ~ended[:-1])
    assert 4 <= len(ends) <= 16, "of twenty seconds"
    silent = heard(np.zeros(MODEL_RATE, np.float32))
    assert all(voice_of(window) == CALM for window in silent)
    assert math.isinf(CALM.pause_slots)


def test_stress_comes_and_goes_smoothly_and_stays_for_a_while() -> None:
    stress = np.array([voice_of(window).stress for window in read_windows(SAMPLE, SPAN)])
    assert 0.5 < stress.max() <= 1 and stress.min() == 0
    assert np.abs(np.diff(stress)).max() < 0.35
    high = np.flatnonzero(np.diff(np.concatenate([[0], (stress > 0.45).astype(int), [0]])))
    assert np.median(high[1::2] - high[::2]) >= 4


def test_a_voice_at_another_rate_asks_all_the_same() -> None:
    wave = soxr.resample(soxr.resample(phrase(200.0, 1.4), MODEL_RATE, 24_000), 24_000, MODEL_RATE).astype(np.float32)
    assert max(voice_of(window).rise for window in heard(wave)) > 0.9


def plain_stress(power: np.ndarray, level: float) -> float:
    """What is stressed, by NumPy's sums."""
    ages = np.arange(len(power))[::-1] / COLUMNS_PER_SECOND
    whole = np.sin(np.pi * (np.arange(len(power)) + 0.5) / len(power)) ** 2
    whole /= whole.sum()
    held = smoothstep(np.clip(np.minimum((ages - RAISED_S[0]) / RAISED_S[1], (RAISED_S[2] - ages) / RAISED_S[3]), 0, 1))
    loudest_db = 5 * np.log10(np.square(power) @ whole)
    loud = np.square(np.clip((10 * np.log10(power) - loudest_db) / LOUD_RANGE_DB + 1, 0, 1))
    smooth = np.convolve(np.pad(loud, len(SYLLABLE) // 2, mode="edge"), SYLLABLE, "valid")
    return max(0.0, float(((smooth - loud @ whole) * held).max())) * min(1.0, 4 * level)


def test_what_is_stressed_is_what_plain_sums_say() -> None:
    for window in list(read_windows(SAMPLE, SPAN))[::7]:
        heard = emphasis_of(window.power)
        assert abs(heard.stress - plain_stress(window.power[-85:], heard.level)) <= 0.6 / STEPS


def test_a_window_is_read_once_whoever_asks() -> None:
    [window] = heard(phrase(120.0, 0.75))[20:21]
    read: list[Window] = []

    def count(asked: Window) -> int:
        read.append(asked)
        return len(read)

    assert window.once(count) == window.once(count) == 1 and read == [window]
    assert voice_of(window) is voice_of(window)
