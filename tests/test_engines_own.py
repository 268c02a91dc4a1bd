"""The engines that need no weights: the clapper, and the portrait's ear and puppet."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from app.inference.clapper import Clapper
from app.inference.engine import Job, Portrait, Window
from app.inference.face import FaceFinder
from app.inference.portrait.driver import REST, SPAN, MouthShape, mouth_shape
from app.inference.portrait.engine import PortraitEngine
from app.inference.portrait.puppet import make_puppet, pose
from app.inference.windows import Windower
from app.ingest.slicer import Slicer
from app.media import SILENCE, AudioSlice, Journey

SAMPLE = Path(__file__).parent.parent / "web" / "assets" / "sample.wav"


def slice_of(level: float, pts: int = 0) -> AudioSlice:
    return AudioSlice(0, pts, SILENCE, np.full(640, level, np.float32), False, Journey(0))


def shapes(pcm: np.ndarray, rate: int) -> list[MouthShape]:
    slicer, windower = Slicer("pcm_f32le", 1, rate), Windower(SPAN)
    windows = [w for s in slicer.push(pcm.astype("<f4").tobytes(), 0, 0) for w in windower.push(s)]
    windows += [w for s in slicer.flush(0, 0) for w in windower.push(s)] + windower.flush()
    return [mouth_shape(window.mel) for window in windows]


def vowel(formants: list[tuple[float, float]], seconds: float = 1.0, pitch: float = 120.0) -> np.ndarray:
    """A vowel as a sum of harmonics under (Hz, gain) resonances, after half a second of faint noise."""
    t = np.arange(int(16_000 * seconds)) / 16_000
    sound = np.zeros_like(t)
    for harmonic in range(1, 60):
        hz = harmonic * pitch
        gain = sum(g / (1 + ((hz - f) / 90) ** 2) for f, g in formants)
        sound += gain * np.sin(2 * np.pi * hz * t)
    faint = 1e-4 * np.random.default_rng(0).standard_normal(8_000)
    return np.concatenate([faint, 0.3 * sound / np.abs(sound).max()])


AA = vowel([(750, 1.0), (1200, 0.6), (2500, 0.15)])
EE = vowel([(280, 1.0), (2300, 0.5), (3000, 0.3)])
OO = vowel([(310, 1.0), (700, 0.08), (2300, 0.004)])


def steady(found: list[MouthShape]) -> MouthShape:
    middle = found[18:34]
    return MouthShape(*np.mean([[s.jaw, s.wide, s.rounding] for s in middle], axis=0))


@pytest.mark.parametrize(("level", "brightness"), [(0.5, 255), (0.001, 0), (0.0, 0)])
def test_clapper_is_white_exactly_when_its_own_slice_is_loud(level: float, brightness: int, portrait: Portrait) -> None:
    engine = Clapper()
    (image,) = engine.render([Job(engine.prepare(portrait), Window(slice_of(level), np.zeros((80, 0), np.float32)))])
    assert image.shape == portrait.image.shape
    assert np.median(image) == brightness
    height, width = image.shape[:2]
    assert (image[height // 8 :] == brightness).all() and (image[:, : width // 2] == brightness).all()


def test_clapper_writes_the_frame_number(portrait: Portrait) -> None:
    engine = Clapper()
    prepared = engine.prepare(portrait)
    one, two = engine.render(
        [Job(prepared, Window(slice_of(0.0, pts), np.zeros((80, 0), np.float32))) for pts in (1, 1234)]
    )
    assert (one != prepared.rest(0)).any() and (one != two).any()


def test_silence_and_faint_noise_leave_the_mouth_at_rest() -> None:
    assert all(shape.at_rest for shape in shapes(np.zeros(32_000), 16_000))
    for level in (3e-4, 3e-3):
        noise = level * np.random.default_rng(1).standard_normal(32_000)
        assert all(shape.at_rest for shape in shapes(noise, 16_000)[2:])


def test_an_open_vowel_opens_more_than_a_close_one() -> None:
    assert steady(shapes(AA, 16_000)).jaw > 1.5 * steady(shapes(OO, 16_000)).jaw > 0


def test_ee_spreads_and_oo_rounds() -> None:
    aa, ee, oo = (steady(shapes(sound, 16_000)) for sound in (AA, EE, OO))
    assert ee.wide > aa.wide and ee.wide > 0.2
    assert oo.rounding > 0.3 and ee.rounding < 0.1 and aa.rounding < 0.1


def test_a_quiet_voice_moves_the_lips_as_a_loud_one_does() -> None:
    assert abs(steady(shapes(AA, 16_000)).jaw - steady(shapes(AA * 0.1, 16_000)).jaw) < 0.1


def test_the_mouth_moves_with_the_sample_and_rests_in_its_pauses() -> None:
    pcm, rate = soundfile.read(SAMPLE, dtype="float32")
    found = shapes(pcm, rate)
    jaws = np.array([shape.jaw for shape in found])
    per_frame = rate // 25
    level = np.array([np.abs(pcm[i * per_frame : (i + 1) * per_frame]).mean() for i in range(len(pcm) // per_frame)])
    jaws = jaws[: len(level)]
    lags = range(-3, 4)
    scores = [np.corrcoef(np.roll(level, lag)[5:-5], jaws[5:-5])[0, 1] for lag in lags]
    assert max(scores) > 0.5 and abs(lags[int(np.argmax(scores))]) <= 1
    assert (jaws > 0.3).mean() > 0.2
    quiet = np.convolve(level < 0.002, np.ones(7), "same") == 7
    assert quiet.any() and jaws[quiet].max() < 0.02


def test_at_rest_the_picture_is_the_picture(portrait: Portrait) -> None:
    assert pose(make_puppet(portrait.image, portrait.mesh), REST) is portrait.image


@pytest.mark.parametrize("shape", [MouthShape(1, 0, 0), MouthShape(0.4, 1, 0), MouthShape(0.4, 0, 1)])
def test_only_the_lower_face_changes_and_without_a_seam(shape: MouthShape, portrait: Portrait) -> None:
    puppet = make_puppet(portrait.image, portrait.mesh)
    posed = pose(puppet, shape)
    changed = (posed != portrait.image).any(axis=2)
    rows, columns = puppet.x.shape
    inside = np.zeros_like(changed)
    inside[puppet.top : puppet.top + rows, puppet.left : puppet.left + columns] = True
    assert not (changed & ~inside).any()
    # at the rectangle's border the picture goes on as it was
    edge = inside & (cv2.erode(inside.astype(np.uint8), np.ones((5, 5))) == 0)
    assert np.abs(posed[edge].astype(int) - portrait.image[edge]).max() <= 8
    assert changed[: int(portrait.mesh[2, 1]) - 4].sum() == 0  # nothing above the nose's base


def test_an_open_jaw_shows_a_dark_mouth_and_lowers_the_chin(portrait: Portrait) -> None:
    posed = pose(make_puppet(portrait.image, portrait.mesh), MouthShape(1, 0, 0))
    finder = FaceFinder()
    mesh = finder.mesh(posed, finder.find(posed)[0])
    assert mesh is not None
    width = np.linalg.norm(portrait.mesh[61] - portrait.mesh[291])
    assert np.linalg.norm(mesh[14] - mesh[13]) > 0.2 * width
    assert mesh[152, 1] > portrait.mesh[152, 1] + 0.1 * width


def test_the_portrait_engine_renders_mixed_batches_as_it_does_single_jobs(portrait: Portrait) -> None:
    engine = PortraitEngine()
    prepared = engine.prepare(portrait)
    mel = np.full((80, SPAN.columns), -3.0, np.float32)
    loud = mel.copy()
    loud[:, -10:] = 1.5
    jobs = [Job(prepared, Window(slice_of(0), m)) for m in (mel, loud)]
    rest, spoken = engine.render(jobs)
    assert rest is portrait.image and (spoken != portrait.image).any()
    assert (engine.render(jobs[1:])[0] == spoken).all()
