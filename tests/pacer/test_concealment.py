from __future__ import annotations

import numpy as np
import pytest

from app.media import SAMPLE_RATE, SAMPLES_PER_FRAME, SILENCE
from app.pacer.concealment import FADE_SAMPLES, Concealment


def frames(hz: float, seconds: float = 0.4) -> list[np.ndarray]:
    """A voice-like tone with overtones, in slots."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * hz * k * t + k) / k for k in (1, 2, 3)) * 9000
    return list(np.asarray(wave, np.float64).astype(np.int16).reshape(-1, SAMPLES_PER_FRAME))


def envelope(sound: np.ndarray) -> np.ndarray:
    """The level over 12.5 ms: a period of the lowest voice."""
    power = np.convolve(np.square(sound.astype(np.float64)), np.ones(600) / 600, "valid")
    return np.asarray(np.sqrt(power))


@pytest.mark.parametrize("hz", [80, 123.4, 220, 311, 390])
def test_a_missing_slot_is_filled_with_the_voice_itself_without_an_edge(hz: float) -> None:
    voice, concealment = frames(hz), Concealment()
    heard = [concealment.play(frame, True) for frame in voice[:5]]
    heard.append(concealment.fill(missing=True))
    heard += [concealment.play(frame, True) for frame in voice[5:]]
    sound = np.concatenate(heard).astype(np.float64)
    steps, usual = np.abs(np.diff(sound)), np.abs(np.diff(np.concatenate(voice).astype(np.float64))).max()
    assert steps.max() < 1.6 * usual, "a click"
    level = envelope(np.concatenate(voice))
    assert envelope(sound).min() > 0.25 * np.median(level), "a hole"


def test_bare_silence_would_have_been_heard_as_a_hole() -> None:
    voice = frames(220)
    sound = np.concatenate([*voice[:5], SILENCE, *voice[5:]])
    assert envelope(sound).min() < 0.01 * np.median(envelope(np.concatenate(voice)))


def test_a_voice_that_stays_away_fades_out_within_two_slots() -> None:
    concealment = Concealment()
    for frame in frames(220):
        concealment.play(frame, True)
    first, second, third = (concealment.fill(missing=True) for _ in range(3))
    assert np.abs(first[:480]).max() > 12_000
    assert not second[960:].any()
    assert third is SILENCE
    back = concealment.play(frames(220)[0] + np.int16(1), True)
    assert back[0] == 0, "and comes back softly"


def test_an_utterance_that_ended_loudly_fades_within_5_ms() -> None:
    concealment = Concealment()
    concealment.play(np.full(SAMPLES_PER_FRAME, 10_000, np.int16), True)
    ending = concealment.fill(missing=False)
    assert ending[0] == 10_000 and not ending[FADE_SAMPLES:].any()
    assert concealment.fill(missing=False) is SILENCE


def test_background_noise_that_is_missing_is_not_repeated() -> None:
    concealment = Concealment()
    concealment.play(np.full(SAMPLES_PER_FRAME, 30, np.int16), False)
    filled = concealment.fill(missing=True)
    assert filled[0] == 30 and not filled[FADE_SAMPLES:].any()


def test_what_plays_without_a_break_is_not_touched() -> None:
    concealment = Concealment()
    for frame in frames(200):
        assert concealment.play(frame, True) is frame


def test_after_an_interrupt_nothing_of_the_old_voice_is_left() -> None:
    concealment = Concealment()
    for frame in frames(220):
        concealment.play(frame, True)
    concealment.forget()
    assert concealment.fill(missing=True) is SILENCE
