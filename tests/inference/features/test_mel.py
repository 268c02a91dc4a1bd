"""Against the public Wav2Lip's own spectrogram of a second of real speech (public domain), in fixtures/."""

from __future__ import annotations

import numpy as np
import pytest

from app.inference.features.mel import COLUMNS_PER_SECOND, N_MELS, MelStream, column_at, melspectrogram
from tests.paths import FIXTURES

FIXTURE = FIXTURES / "mel.npz"


def sound(samples: int = 16_000) -> np.ndarray:
    """A chirp over a hum, with a pause: float32 at 16 kHz."""
    t = np.arange(samples) / 16_000
    chirp = 0.4 * np.sin(2 * np.pi * (200 * t + 1500 * t * t)) + 0.05 * np.sin(2 * np.pi * 90 * t)
    return (chirp * ((t % 0.5) < 0.35)).astype(np.float32)


def streamed(pcm: np.ndarray, sizes: list[int]) -> np.ndarray:
    stream, columns, at, turn = MelStream(), [], 0, 0
    while at < len(pcm):
        size = sizes[turn % len(sizes)]
        columns.append(stream.push(pcm[at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate([*columns, stream.finish()], axis=1)


def test_columns_equal_the_public_ones() -> None:
    fixture = np.load(FIXTURE)
    public = fixture["mel"]  # those columns that do not depend on what follows the second
    found = melspectrogram(fixture["pcm16k"], 16_000)
    assert found.shape == (N_MELS, COLUMNS_PER_SECOND + 1)
    assert np.abs(found[:, : public.shape[1]] - public).max() < 1e-3


@pytest.mark.parametrize("sizes", [[1], [7, 1, 333], [200], [640], [641], [4096]])
def test_any_chunking_gives_the_same_columns(sizes: list[int]) -> None:
    pcm = sound(9_000)
    assert np.abs(streamed(pcm, sizes) - melspectrogram(pcm)).max() < 1e-4


@pytest.mark.parametrize("samples", [2, 199, 200, 399, 400, 401, 600, 800, 801, 1000, 1234])
def test_short_sounds_are_reflected_as_long_ones_are(samples: int) -> None:
    pcm = sound(samples)
    assert melspectrogram(pcm).shape == (N_MELS, 1 + samples // 200)
    assert np.abs(streamed(pcm, [3]) - melspectrogram(pcm)).max() < 1e-4


def test_a_column_comes_as_soon_as_its_last_sample() -> None:
    stream = MelStream()
    counts = [stream.push(sound()[i : i + 1]).shape[1] for i in range(2_000)]
    # column c is centred on sample 200 c and ends 400 later; the first also waits for what is mirrored
    assert [i + 1 for i, count in enumerate(counts) if count] == [401, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000]


def test_integers_and_floats_are_the_same_sound() -> None:
    as_int = (sound(3_000) * 32767).astype(np.int16)
    as_float = (as_int / 32768).astype(np.float32)
    assert np.abs(melspectrogram(as_int) - melspectrogram(as_float)).max() < 1e-5


def test_silence_is_the_lowest_value() -> None:
    assert (melspectrogram(np.zeros(4_000, np.float32)) == -4).all()


def test_state_stays_bounded() -> None:
    stream = MelStream()
    for _ in range(200):
        stream.push(sound(640))
        assert len(stream._samples) <= 1_000


def test_unusable_input_is_refused() -> None:
    with pytest.raises(ValueError, match="16000"):
        melspectrogram(sound(), 44_100)
    with pytest.raises(ValueError, match="mono"):
        melspectrogram(np.zeros((100, 2), np.float32))
    with pytest.raises(ValueError, match="2 samples"):
        melspectrogram(np.zeros(1, np.float32))


def test_frames_begin_at_3_2_columns_each_rounded_down() -> None:
    assert [column_at(frame) for frame in range(-2, 6)] == [-7, -4, 0, 3, 6, 9, 12, 16]
