from __future__ import annotations

import numpy as np

from app.ingest.activity import SilenceDetector
from app.level import level_dbfs


def noise(dbfs: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(640) * 10 ** (dbfs / 20)).astype(np.float32)


def test_levels_are_in_dbfs() -> None:
    assert abs(level_dbfs(np.ones(640, np.float32))) < 1e-6
    assert abs(level_dbfs(noise(-40, 0)) + 40) < 1
    assert level_dbfs(np.zeros(640, np.float32)) == -120


def test_digital_silence_and_faint_noise_are_silent() -> None:
    detector = SilenceDetector()
    assert detector.is_silent(np.zeros(640, np.float32))
    assert detector.is_silent(noise(-60, 1))


def test_a_steady_background_becomes_silence_and_speech_above_it_does_not() -> None:
    detector = SilenceDetector()
    verdicts = [detector.is_silent(noise(-45, seed)) for seed in range(300)]
    assert all(verdicts[200:])
    assert not detector.is_silent(noise(-30, 999))


def test_digital_silence_does_not_make_the_background_speech() -> None:
    detector = SilenceDetector()
    for seed in range(200):
        detector.is_silent(noise(-45, seed))
    detector.is_silent(np.zeros(640, np.float32))
    verdicts = [detector.is_silent(noise(-45, seed)) for seed in range(150)]
    assert all(verdicts[75:])


def test_loud_sound_is_never_silent_however_long() -> None:
    detector = SilenceDetector()
    assert not any(detector.is_silent(noise(-25, seed)) for seed in range(1000))
