from __future__ import annotations

import numpy as np
import pytest

from app.ingest.pcm import PcmDecoder
from app.ingest.resampler import Resampler
from app.ingest.slicer import SampleQueue, Slicer
from app.media import AudioSlice

RATES = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]


def tone(rate: int, seconds: float, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate) * 32767).astype("<i2")


def slices(slicer: Slicer, data: bytes, sizes: list[int]) -> list[AudioSlice]:
    """Push `data` in pieces of the given sizes, over and over, then flush."""
    out: list[AudioSlice] = []
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        out += slicer.push(data[at : at + size], 0, 0)
        at, turn = at + size, turn + 1
    return out + list(slicer.flush(0, 0))


def test_a_sample_split_over_messages_is_carried_over() -> None:
    decoder = PcmDecoder("pcm_s16le", 2)
    data = np.arange(-400, 400, dtype="<i2").tobytes()
    parts = [decoder.push(data[i : i + 3]) for i in range(0, len(data), 3)]
    expected = np.arange(-400, 400).reshape(-1, 2).mean(axis=1) / 32768
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-7)


def test_float_samples_that_are_no_numbers_or_too_loud_are_tamed() -> None:
    decoder = PcmDecoder("pcm_f32le", 1)
    samples = np.array([0.5, np.nan, np.inf, -np.inf, 7.0, -7.0], "<f4")
    assert decoder.push(samples.tobytes()).tolist() == [0.5, 0.0, 1.0, -1.0, 1.0, -1.0]


@pytest.mark.parametrize("sizes", [[1], [3, 1, 7], [640], [4096], [99_999]])
def test_any_chunking_gives_the_same_slices(sizes: list[int]) -> None:
    data = tone(44_100, 0.7).tobytes()
    whole = slices(Slicer("pcm_s16le", 1, 44_100), data, [len(data)])
    parts = slices(Slicer("pcm_s16le", 1, 44_100), data, sizes)
    assert len(parts) == len(whole)
    for a, b in zip(parts, whole, strict=True):
        assert np.abs(a.playout.astype(int) - b.playout).max() <= 1
        np.testing.assert_allclose(a.model, b.model, atol=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_slices_are_exact_numbered_and_as_long_as_the_sound(rate: int) -> None:
    found = slices(Slicer("pcm_s16le", 1, rate), tone(rate, 1.0).tobytes(), [997])
    assert len(found) == 25
    assert [sound.pts for sound in found] == list(range(25))
    assert all(sound.playout.shape == (1920,) and sound.model.shape == (640,) for sound in found)


@pytest.mark.parametrize("rate", RATES)
def test_resampling_makes_no_clicks_at_chunk_borders(rate: int) -> None:
    found = slices(Slicer("pcm_s16le", 1, rate), tone(rate, 1.0).tobytes(), [rate // 50 * 2 + 1])
    sound = np.concatenate([s.playout for s in found]).astype(float)[4800:-4800] / 32768
    # a pure tone stays one: what remains after taking its frequency out is far below hearing
    t = np.arange(len(sound)) / 48_000
    basis = np.stack([np.sin(2 * np.pi * 440 * t), np.cos(2 * np.pi * 440 * t)], axis=1)
    rest = sound - basis @ np.linalg.lstsq(basis, sound, rcond=None)[0]
    assert np.abs(rest).max() < 2e-3


@pytest.mark.parametrize(("rate", "to"), [(44_100, 48_000), (11_025, 16_000), (22_050, 48_000), (96_000, 16_000)])
def test_not_a_sample_is_lost_or_made_up_in_an_hour(rate: int, to: int) -> None:
    resampler = Resampler(rate, to)
    second = np.zeros(rate, np.float32)
    count = sum(len(resampler.push(second)) for _ in range(3600)) + len(resampler.finish())
    assert count == 3600 * to


def test_both_rates_stay_aligned() -> None:
    rng = np.random.default_rng(1)
    envelope = np.repeat(rng.random(50), 882)  # a new loudness every 20 ms
    data = (tone(44_100, 1.0, 300) * envelope).astype("<i2").tobytes()
    for sound in slices(Slicer("pcm_s16le", 1, 44_100), data, [1764])[2:-2]:
        thirds = (sound.playout / 32768).reshape(640, 3).mean(axis=1)
        assert np.corrcoef(thirds, sound.model)[0, 1] > 0.97  # soxr shifts by up to 0.1 ms


def test_the_tail_is_filled_up_with_silence() -> None:
    slicer = Slicer("pcm_s16le", 1, 48_000)
    data = np.full(1920 + 100, 1000, "<i2").tobytes()
    first, last = slices(slicer, data, [len(data)])
    assert (first.playout == 1000).all()
    assert (last.playout[:100] == 1000).all() and (last.playout[100:] == 0).all()
    assert last.last and not first.last


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frames", [1, 2, 25])
def test_a_flush_marks_the_last_slice_also_where_the_sound_ends_with_one(rate: int, frames: int) -> None:
    found = slices(Slicer("pcm_s16le", 1, rate), bytes(2 * rate * frames // 25), [999])
    assert [sound.last for sound in found] == [False] * (len(found) - 1) + [True]


def test_a_flush_of_nothing_gives_nothing() -> None:
    slicer = Slicer("pcm_s16le", 1, 48_000)
    assert list(slicer.flush(0, 0)) == []
    slices(slicer, bytes(100), [100])
    assert list(slicer.flush(0, 0)) == []


def test_reset_discards_a_partial_slice_and_an_odd_byte() -> None:
    slicer = Slicer("pcm_s16le", 1, 48_000)
    list(slicer.push(np.full(1000, 9999, "<i2").tobytes() + b"\x7f", 0, 0))
    slicer.reset()
    found = list(slicer.push(np.full(1920 + 1000, 5, "<i2").tobytes(), 1, 0))
    assert len(found) == 1 and (found[0].playout == 5).all() and found[0].generation == 1


def test_slices_at_48_khz_are_the_sound_itself() -> None:
    data = tone(48_000, 0.4)
    found = slices(Slicer("pcm_s16le", 1, 48_000), data.tobytes(), [961])
    assert (np.concatenate([s.playout for s in found]) == data).all()


def test_a_queue_gives_what_was_put_in_order() -> None:
    queue = SampleQueue()
    queue.push(np.arange(5, dtype=np.float32))
    queue.push(np.arange(5, 9, dtype=np.float32))
    assert queue.take(3).tolist() == [0, 1, 2]
    assert queue.take(6).tolist() == [3, 4, 5, 6, 7, 8]
    assert len(queue) == 0
