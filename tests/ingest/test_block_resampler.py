from __future__ import annotations

import numpy as np
import pytest

from app.ingest.block_resampler import HALF_S, BlockResampler
from app.media import FloatArray

RATES = [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000]
TO = 16_000


def sine(rate: int, hz: float, seconds: float = 0.5) -> FloatArray:
    return np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate).astype(np.float32)


def resampled(rate: int, sound: FloatArray, sizes: list[int]) -> FloatArray:
    resampler, out, at, turn = BlockResampler(rate, TO), [], 0, 0
    while at < len(sound):
        size = sizes[turn % len(sizes)]
        out.append(resampler.push(sound[at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate([*out, resampler.finish()])


@pytest.mark.parametrize("rate", RATES)
def test_every_sample_keeps_its_time(rate: int) -> None:
    made = resampled(rate, sine(rate, 1000), [rate // 50])
    wanted = sine(TO, 1000)
    assert len(made) == len(wanted)
    assert np.abs(made - wanted)[80:-80].max() < 0.01  # 60 dB, twice over for images on both sides


@pytest.mark.parametrize("rate", RATES)
def test_the_delay_is_half_the_filter_after_every_chunk(rate: int) -> None:
    resampler = BlockResampler(rate, TO)
    made = 0
    for i in range(1, 200):
        made += len(resampler.push(np.zeros(rate // 50, np.float32)))
        owed_s = i * (rate // 50) / rate - made / TO
        assert HALF_S - 1 / TO <= owed_s <= HALF_S + 2 / rate + 1 / TO


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate > 2 * 8600])
def test_what_the_lower_rate_cannot_hold_does_not_fold_back(rate: int) -> None:
    assert np.abs(resampled(rate, sine(rate, 8300), [960])[80:-80]).max() < 0.0015  # 57 dB
    assert np.abs(resampled(rate, sine(rate, 7000), [960])[80:-80]).max() > 0.95


@pytest.mark.parametrize("sizes", [[1], [3, 1, 7], [640], [99_999]])
def test_any_chunking_gives_the_same_samples(sizes: list[int]) -> None:
    sound = np.random.default_rng(3).standard_normal(9_000).astype(np.float32)
    np.testing.assert_allclose(resampled(44_100, sound, sizes), resampled(44_100, sound, [882]), atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
def test_nothing_is_lost_or_made_up_in_ten_minutes(rate: int) -> None:
    resampler = BlockResampler(rate, TO)
    second = np.zeros(rate, np.float32)
    assert sum(len(resampler.push(second)) for _ in range(600)) + len(resampler.finish()) == 600 * TO


def test_it_starts_anew_after_its_end_and_after_a_reset() -> None:
    resampler = BlockResampler(48_000, TO)
    sound = sine(48_000, 500)
    first = np.concatenate([resampler.push(sound), resampler.finish()])
    resampler.push(np.ones(500, np.float32))
    resampler.reset()
    again = np.concatenate([resampler.push(sound), resampler.finish()])
    assert (first == again).all()


def test_rates_without_a_simple_ratio_are_left_to_others() -> None:
    assert not BlockResampler.fits(12_347, TO)
