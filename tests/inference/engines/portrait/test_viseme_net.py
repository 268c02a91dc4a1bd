"""From sound to mouth shapes: what the network hears, and where it hears nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file, save, save_file

from app.assets import SAMPLE
from app.avatars.avatar import Avatar
from app.inference.engine import Job
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.lip_speed import FALL, RECALLED, RISE
from app.inference.engines.portrait.shape import CHANNELS, MouthShape
from app.inference.engines.portrait.viseme_driver import mouth_shape, starts_of
from app.inference.engines.portrait.viseme_net import COLUMNS, EARLIER_COLUMNS, NET_WEIGHTS, VisemeNet
from app.inference.engines.registry import Engines, EngineUnavailable
from tests.spoken import FRAME_S, Spoken, example, shapes, windows

RATE = 16_000


@pytest.fixture(scope="module")
def spoken() -> Spoken:
    return example()


@pytest.fixture(scope="module")
def heard(spoken: Spoken) -> list[MouthShape]:
    return shapes(spoken.pcm)


def noise(level: float, seconds: float = 4.0) -> np.ndarray:
    return np.random.default_rng(1).normal(0, level, int(RATE * seconds))


def tones(hertz: list[float], level: float, seconds: float = 4.0) -> np.ndarray:
    t = np.arange(int(RATE * seconds)) / RATE
    return np.asarray(level * np.mean([np.sin(2 * np.pi * f * t) for f in hertz], axis=0))


def guitar(level: float, seconds: float = 6.0) -> np.ndarray:
    """Plucked chords, four a second."""
    t = np.arange(RATE // 4) / RATE
    random = np.random.default_rng(3)
    plucks = [
        sum(
            np.exp(-5 * t) * np.sin(2 * np.pi * f * n * t) / n
            for f in random.choice([147, 165, 196, 220, 247, 294], 3)
            for n in range(1, 6)
        )
        for _ in range(int(seconds * 4))
    ]
    wave = np.concatenate(plucks)
    return np.asarray(level * wave / np.abs(wave).max())


def test_the_weights_are_light_and_the_window_ends_soon_after_its_frame() -> None:
    assert 1_000_000 <= NET_WEIGHTS.stat().st_size <= 2_000_000
    last_sample_ms = (COLUMNS - 80 - 1) * 12.5 + 25
    assert last_sample_ms - 40 <= 35, "look-ahead after the frame's end"


@pytest.mark.parametrize("frame", range(5))
def test_a_window_is_the_second_before_its_frame_and_5_columns_of_it_as_it_was_taught(frame: int) -> None:
    span = PortraitEngine.span
    assert span is not None and COLUMNS == 85 and span.columns == COLUMNS + EARLIER_COLUMNS
    assert span.start(frame) + EARLIER_COLUMNS + 80 == frame * 80 // 25


def test_what_the_frames_before_heard_is_heard_again_column_for_column(spoken: Spoken) -> None:
    heard = windows(spoken.pcm[: 2 * RATE])
    for now in range(20, 30):
        own, *earlier = starts_of(heard[now].frame)
        assert own == EARLIER_COLUMNS and len(earlier) == RECALLED
        for back, start in enumerate(earlier, 1):
            before = heard[now - back].mel[:, EARLIER_COLUMNS:]
            assert (heard[now].mel[:, start : start + COLUMNS] == before).all()


def test_no_lip_is_faster_than_lips_whatever_is_said(heard: list[MouthShape]) -> None:
    pcm, rate = soundfile.read(SAMPLE, dtype="float32")
    silence = np.zeros(RATE // 2)
    bursts = np.concatenate([np.concatenate([tones([200, 700, 1100, 2500], 0.5, 0.1), silence]) for _ in range(8)])
    for shapes_of in (heard, shapes(pcm, rate), shapes(bursts)):
        for name in ("opening", "jaw", "rounding", "tuck", "teeth"):
            steps = np.diff([getattr(shape, name) for shape in shapes_of])
            slack = 2 / 1024
            assert steps.max() <= RISE[CHANNELS.index(name)] + slack, name
            assert -steps.min() <= FALL[CHANNELS.index(name)] + slack, name


def test_lips_that_are_apart_are_not_pressed(heard: list[MouthShape]) -> None:
    assert all(shape.closed == 0 for shape in heard if shape.opening > 0.2)
    assert max(shape.closed for shape in heard) > 0.6


def test_the_tongue_does_not_shut_the_lips(spoken: Spoken, heard: list[MouthShape]) -> None:
    middles = (np.arange(len(heard)) + 0.5) * FRAME_S
    sounds = [sound for sound, _, _ in spoken.segments]
    beside = zip(["_", *sounds], spoken.segments, [*sounds[1:], "_"], strict=False)
    own = [
        (start <= middles) & (middles < end)
        for before, (sound, start, end), after in beside
        if sound in "ntdl" and not {before, after} & set("pbmfvw_")
    ]
    seen = np.array([shape.opening < 0.1 for shape in heard])[np.any(own, axis=0)]
    assert len(seen) >= 20 and np.mean(seen) < 0.25


def test_lips_close_on_p_b_and_m(spoken: Spoken, heard: list[MouthShape]) -> None:
    closures = [min(heard[f].opening for f in frames) < 0.1 for frames in spoken.frames_of("pbm")]
    assert len(closures) >= 10 and np.mean(closures) >= 0.9
    vowels = [heard[f].opening < 0.1 for frames in spoken.frames_of("ɑæɛeaɪiʌoɔu") for f in frames[1:-1]]
    assert len(vowels) >= 40 and np.mean(vowels) <= 0.15, "and not all the time"


def test_the_lower_lip_goes_under_the_teeth_on_f_and_v(spoken: Spoken, heard: list[MouthShape]) -> None:
    tucks = [max(heard[f].tuck for f in frames) > 0.35 for frames in spoken.frames_of("fv")]
    assert len(tucks) >= 6 and np.mean(tucks) >= 0.7
    elsewhere = [heard[f].tuck > 0.35 for frames in spoken.frames_of("ɑiuæstdk") for f in frames[1:-1]]
    assert np.mean(elsewhere) < 0.2


def test_vowels_have_their_own_shapes(spoken: Spoken, heard: list[MouthShape]) -> None:
    def mean(sounds: str, name: str) -> float:
        return float(np.mean([getattr(heard[f], name) for frames in spoken.frames_of(sounds) for f in frames]))

    assert mean("ɑ", "jaw") > 1.6 * mean("iu", "jaw")
    assert mean("u", "rounding") > 0.35 > 0.15 > mean("iɑ", "rounding")
    assert mean("i", "wide") > 0.35 > mean("uɑ", "wide")


def test_it_hears_the_same_whatever_the_chunks(spoken: Spoken) -> None:
    whole, pieces = (windows(spoken.pcm[: 3 * RATE], chunk=chunk) for chunk in (1 << 20, 1234))
    assert len(whole) == len(pieces)
    assert all(mouth_shape(a) == mouth_shape(b) for a, b in zip(whole, pieces, strict=True))


@pytest.mark.parametrize("level", [1e-4, 3e-4, 3e-3, 3e-2])
def test_noise_leaves_the_mouth_at_rest(level: float) -> None:
    opening = [shape.opening for shape in shapes(noise(level))]
    assert max(opening[25:-2]) < 0.06 and np.mean(np.array(opening[:25]) > 0.1) < 0.1, "a second may be surprised"


@pytest.mark.parametrize(
    "sound",
    [np.zeros(4 * RATE), tones([50, 100, 150], 0.05), tones([120, 240, 360], 0.1), guitar(0.2)],
    ids=["silence", "mains", "humming", "guitar"],
)
def test_what_is_no_speech_leaves_the_mouth_at_rest(sound: np.ndarray) -> None:
    opening = np.array([shape.opening for shape in shapes(sound)])
    assert np.median(opening) < 0.06 and np.mean(opening > 0.25) < 0.12


def test_pauses_within_speech_come_to_rest(spoken: Spoken) -> None:
    pause = np.zeros(RATE)
    found = shapes(np.concatenate([spoken.pcm[: 2 * RATE], pause, spoken.pcm[2 * RATE : 4 * RATE]]))
    assert all(shape.opening < 0.02 for shape in found[56:72])
    assert found[72].at_rest, "and to the picture itself"


def test_a_quiet_voice_moves_the_lips_as_a_loud_one_does_though_less(spoken: Spoken) -> None:
    loud, quiet = (np.array([shape.jaw for shape in shapes(spoken.pcm[: 4 * RATE] * gain)]) for gain in (1.0, 0.03))
    assert np.corrcoef(loud, quiet)[0, 1] > 0.9
    assert 0.6 * loud.mean() < quiet.mean() <= loud.mean()


def test_lips_move_with_the_sample_not_late_and_rest_in_its_pauses() -> None:
    pcm, rate = soundfile.read(SAMPLE, dtype="float32")
    jaws = np.array([shape.jaw for shape in shapes(pcm, rate)])
    per_frame = rate // 25
    level = np.array([np.abs(pcm[i * per_frame : (i + 1) * per_frame]).mean() for i in range(len(pcm) // per_frame)])
    jaws = jaws[: len(level)]
    lags = range(-3, 4)
    scores = [np.corrcoef(np.roll(level, lag)[5:-5], jaws[5:-5])[0, 1] for lag in lags]
    assert max(scores) > 0.4 and abs(lags[int(np.argmax(scores))]) <= 1
    quiet = np.convolve(level < 0.002, np.ones(7), "same") == 7
    assert quiet.any() and jaws[quiet].max() < 0.05


def test_the_network_keeps_nothing_between_windows(spoken: Spoken) -> None:
    net = VisemeNet()
    mels = [window.mel for window in windows(spoken.pcm[: 2 * RATE])]
    forth = [net.hear(mel) for mel in mels]
    back = [net.hear(mel) for mel in reversed(mels)]
    assert all((a == b).all() for a, b in zip(forth, reversed(back), strict=True))


def test_a_network_in_the_users_folder_goes_before_the_bundled_one(
    spoken: Spoken, avatar: Avatar, tmp_path: Path
) -> None:
    def drawn() -> np.ndarray:
        engine = Engines(tmp_path, life=False).get("portrait")
        return engine.render([Job(engine.prepare(avatar), windows(spoken.pcm)[40])])[0]

    bundled, layers = drawn(), load_file(NET_WEIGHTS)
    layers["mouth.bias"][0] = 50  # an opening of 1, whatever is heard
    save_file(layers, tmp_path / NET_WEIGHTS.name)
    assert (drawn() != bundled).any()
    (tmp_path / NET_WEIGHTS.name).unlink()
    assert (drawn() == bundled).all()


def test_a_file_that_is_not_the_network_makes_the_engine_unavailable_and_says_which(tmp_path: Path) -> None:
    own, layers = tmp_path / NET_WEIGHTS.name, load_file(NET_WEIGHTS)
    fewer = {name: layer for name, layer in layers.items() if name != "dense2.bias"}
    smaller = {**layers, "dense1.weight": np.ascontiguousarray(layers["dense1.weight"][:, 1:])}
    for content in (save(fewer), save(smaller), b"no network"):
        own.write_bytes(content)
        with pytest.raises(EngineUnavailable, match=str(own)):
            Engines(tmp_path, life=False).get("portrait")
