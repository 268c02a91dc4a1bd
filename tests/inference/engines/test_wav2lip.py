from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from app.assets import WEIGHTS
from app.avatars.avatar import Avatar
from app.i420 import from_bgr, planes_of, to_bgr
from app.inference.engine import Job
from app.inference.engines.registry import Engines, EngineUnavailable, NoSuchEngine
from app.inference.engines.wav2lip.backend import CONVERTED, Backend, ModelFace
from app.inference.engines.wav2lip.checkpoint import BadCheckpoint, load_checkpoint
from app.inference.engines.wav2lip.converted import Networks, converted, kept_networks
from app.inference.engines.wav2lip.cpu import CpuBackend, best_precision
from app.inference.engines.wav2lip.cuda import TorchBackend
from app.inference.engines.wav2lip.engine import SPAN, Wav2LipEngine, speech_share
from app.inference.engines.wav2lip.lower_half import FaceEncoder, LipDecoder
from app.inference.engines.wav2lip.paste import FaceRegion, face_box, face_region, model_face, paste
from app.inference.features.loudness import speech_power
from app.inference.features.window import Window
from app.inference.features.windower import Windower
from app.inference.wav2lip import Wav2Lip
from app.media import SILENCE, AudioSlice, StageTimestamps
from tests.paths import FIXTURES
from tests.seeded_checkpoint import seeded_state_dict

FIXTURE = FIXTURES / "wav2lip.npz"
# over the public model's tensor names and shapes, sorted, as "name(1, 2)" lines
PUBLIC_NAMES_SHA256 = "d5380da2c518d8fa0bb94df546dcce09c65acd1673830e29419e44cce6114940"


@pytest.fixture(scope="module")
def public_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in the public file's layout."""
    path = tmp_path_factory.mktemp("weights") / "wav2lip.pth"
    named = {f"module.{name}": tensor for name, tensor in seeded_state_dict().items()}
    torch.save({"state_dict": named, "optimizer": None, "global_step": 1, "global_epoch": 1}, path)
    return path


@pytest.fixture(scope="module")
def model(public_file: Path) -> Wav2Lip:
    return load_checkpoint(public_file)


def window(mel_level: float) -> Window:
    sound = AudioSlice(0, 0, SILENCE, np.zeros(640, np.float32), False, StageTimestamps(0))
    return Window(sound, np.full((80, SPAN.columns), mel_level, np.float32))


def test_tensor_names_and_shapes_are_the_public_ones() -> None:
    lines = sorted(f"{name}{tuple(tensor.shape)}" for name, tensor in Wav2Lip().state_dict().items())
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == PUBLIC_NAMES_SHA256


def test_answers_equal_those_of_the_model_that_was_checked_against_the_public_one(model: Wav2Lip) -> None:
    """The network was compared with the public model's answers (to 7e-6); this keeps it from changing."""
    fixture = np.load(FIXTURE)
    with torch.inference_mode():
        drawn = model(torch.from_numpy(fixture["mel"]), torch.from_numpy(fixture["faces"]).float() / 255).numpy()
    assert drawn.shape == (2, 3, 96, 96)
    assert np.abs(drawn[:, :, ::7, ::7] - fixture["drawn"]).max() < 1e-4


def test_bare_and_safetensors_files_load_too(tmp_path: Path, model: Wav2Lip) -> None:
    torch.save(seeded_state_dict(), tmp_path / "bare.pth")
    save_file(seeded_state_dict(), tmp_path / "same.safetensors")
    for name in ("bare.pth", "same.safetensors"):
        loaded = load_checkpoint(tmp_path / name)
        assert not loaded.training
        for key, tensor in loaded.state_dict().items():
            assert torch.equal(tensor, model.state_dict()[key])


def test_files_that_are_no_checkpoint_are_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "bad.pth"
    tensors = seeded_state_dict()
    first = next(iter(tensors))

    def refuse(match: str) -> None:
        with pytest.raises(BadCheckpoint, match=match):
            load_checkpoint(path)

    refuse("cannot be read")
    path.write_bytes(b"hello")
    refuse("cannot be read")
    torch.save([1, 2], path)
    refuse("holds no state dict")
    torch.save({name: tensor for name, tensor in tensors.items() if name != first}, path)
    refuse("1 missing")
    torch.save({**tensors, "extra": torch.zeros(1)}, path)
    refuse("1 not Wav2Lip's \\(extra\\)")
    torch.save({**tensors, first: torch.zeros(3)}, path)
    refuse("of another shape")


class Spiteful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": Spiteful()}, path)
    with pytest.raises(BadCheckpoint):
        load_checkpoint(path)
    assert "executed" not in capsys.readouterr().out


def test_the_lower_half_alone_is_what_the_whole_model_draws_there(model: Wav2Lip) -> None:
    fixture = np.load(FIXTURE)
    mel, faces = torch.from_numpy(fixture["mel"]), torch.from_numpy(fixture["faces"]).float() / 255
    with torch.inference_mode():
        whole = model(mel, faces)[:, :, 48:].permute(0, 2, 3, 1) * 255
        half = LipDecoder(model).eval()(mel, *FaceEncoder(model).eval()(faces))
    assert half.shape == (2, 48, 96, 3)
    assert (half - whole).abs().max() < 0.02


def drawn_by_the_model(model: Wav2Lip, mels: np.ndarray, face: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        drawn = model(torch.from_numpy(mels)[:, None], torch.from_numpy(face)[None].repeat(len(mels), 1, 1, 1))
    return np.asarray(drawn[:, :, 48:].permute(0, 2, 3, 1) * 255)


BACKENDS: dict[str, Callable[[Wav2Lip], Backend]] = {
    "openvino, exact": lambda model: CpuBackend(converted(model), 0, "f32"),
    "openvino, this processor": lambda model: CpuBackend(converted(model), 0),
    "torch, exact": lambda model: TorchBackend(model, "cpu", "f32"),
    "torch, bfloat16": lambda model: TorchBackend(model, "cpu", "bf16"),
}
# mean and largest difference from float32, of 255; noise for weights has steeper edges than a trained model
DIFFERENCE = {"f32": (0.01, 0.1), "f16": (0.2, 4.0), "bf16": (0.8, 30.0)}


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_draws_what_the_model_draws(name: str, model: Wav2Lip) -> None:
    backend = BACKENDS[name](model)
    mean, most = DIFFERENCE[backend.precision]
    fixture = np.load(FIXTURE)
    rng = np.random.default_rng(3)
    mels = np.concatenate([fixture["mel"][:, 0], rng.uniform(-4, 2, (3, 80, 16)).astype(np.float32)])
    first, second = (np.ascontiguousarray(face / 255, np.float32) for face in fixture["faces"])
    known = [ModelFace(first), ModelFace(second)]
    order = [0, 1, 0, 0, 1]
    drawn = backend.draw(mels, [known[i] for i in order])
    for i, face in enumerate(order):
        difference = np.abs(drawn[i] - drawn_by_the_model(model, mels[i : i + 1], (first, second)[face])[0])
        assert difference.mean() <= mean and difference.max() <= most
        alone = backend.draw(mels[i : i + 1], [known[face]])[0]
        # on a CPU exactly; a torch device may choose other kernels for another batch
        same = 0.0 if isinstance(backend, CpuBackend) else max(0.255, most / 2)
        assert np.abs(drawn[i] - alone).max() <= same, "a batch gives what each gives alone"


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        ({"f16": 0.0041, "bf16": 0.0040}, "f16"),
        ({"f16": 0.0260, "bf16": 0.0060}, "bf16"),  # known to the processor, and slow
        ({"f16": 0.0040, "bf16": 0.0260}, "f16"),
    ],
)
def test_the_finest_format_is_taken_unless_another_is_much_faster(seconds: dict[str, float], best: str) -> None:
    assert best_precision(seconds) == best


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_captured_graphs_draw_what_the_model_draws(model: Wav2Lip) -> None:
    backend = TorchBackend(model)
    fixture = np.load(FIXTURE)
    face = np.ascontiguousarray(fixture["faces"][0] / 255, np.float32)
    known = ModelFace(face)
    mels = np.repeat(fixture["mel"][:1, 0], 5, axis=0)
    for count in (1, 2, 3, 5, 5, 1):
        drawn = backend.draw(mels[:count], [known] * count)
        difference = np.abs(drawn - drawn_by_the_model(model, mels[:count], face))
        assert difference.mean() <= 0.5 and difference.max() <= 4


@pytest.fixture(scope="module")
def engine(model: Wav2Lip) -> Wav2LipEngine:
    return Wav2LipEngine(CpuBackend(converted(model), 0, "f32"))


def test_only_the_lower_half_of_the_face_changes(engine: Wav2LipEngine, avatar: Avatar) -> None:
    prepared = engine.prepare(avatar)
    (image,) = engine.render([Job(prepared, window(0.5))])
    now, rest = planes_of(image), planes_of(prepared.idle_frame(0))
    rows, columns = prepared.at(0).region.rows, prepared.at(0).region.columns
    changed = now.y != rest.y
    assert changed.sum() > 1000
    changed[rows, columns] = False
    assert not changed.any()
    for plane, before in ((now.u, rest.u), (now.v, rest.v)):
        changed = plane != before
        assert changed.any()
        changed[rows.start // 2 : rows.stop // 2 + 1, columns.start // 2 : columns.stop // 2 + 1] = False
        assert not changed.any()


def test_silence_leaves_the_picture_as_it_is(engine: Wav2LipEngine, avatar: Avatar) -> None:
    prepared = engine.prepare(avatar)
    (image,) = engine.render([Job(prepared, window(-4.0))])
    assert image is prepared.idle_frame(0)


def test_a_batch_gives_what_each_gives_alone(engine: Wav2LipEngine, avatar: Avatar) -> None:
    prepared = engine.prepare(avatar)
    jobs = [Job(prepared, window(level)) for level in (0.5, -4.0, 1.5)]
    together = engine.render(jobs)
    for job, image in zip(jobs, together, strict=True):
        assert np.abs(engine.render([job])[0].astype(int) - image).max() <= 1


def region_of(avatar: Avatar) -> FaceRegion:
    box = face_box(avatar.mesh, avatar.width, avatar.height)
    return face_region(avatar.image, avatar.mesh, box, model_face(avatar.image, box))


def test_a_drawing_that_is_the_picture_changes_nothing(avatar: Avatar) -> None:
    """Away from the mouth, where the drawing's own detail counts, even the picture's fine texture stays."""
    region = region_of(avatar)
    rest = from_bgr(avatar.image)
    pasted = paste(rest, region, region.small, 1.0)
    difference = np.abs(to_bgr(pasted).astype(int) - to_bgr(rest))
    assert difference.max() <= 60 and np.percentile(difference[region.rows, region.columns], 90) <= 1


@pytest.mark.parametrize("tint", [(25, 0, -20), (-30, -30, -30), (0, 30, 0)])
def test_a_drawing_of_another_colour_leaves_no_seam(avatar: Avatar, tint: tuple[int, int, int]) -> None:
    region = region_of(avatar)
    drawn = np.clip(region.small + np.array(tint, np.float32), 0, 255)
    rest = from_bgr(avatar.image)
    pasted = paste(rest, region, drawn, 1.0)

    def gradient(image: np.ndarray) -> np.ndarray:
        part = image[region.rows, region.columns].astype(np.float32)
        return np.asarray(np.hypot(cv2.Sobel(part, -1, 1, 0), cv2.Sobel(part, -1, 0, 1)).max(axis=2))

    border = (region.cover[..., 0] > 0.02) & (region.cover[..., 0] < 0.98)
    before, after = gradient(to_bgr(rest))[border], gradient(to_bgr(pasted))[border]
    assert after.mean() <= 1.2 * before.mean()
    assert np.percentile(after, 95) <= 1.2 * np.percentile(before, 95)


class NotingBackend:
    """A network that draws black, and notes what it was fed."""

    precision, max_batch = "f32", 8

    def __init__(self) -> None:
        self.mels: list[np.ndarray] = []

    def draw(self, mels: np.ndarray, faces: Sequence[ModelFace]) -> np.ndarray:
        self.mels += list(mels)
        return np.zeros((len(mels), 48, 96, 3), np.float32)


@pytest.mark.parametrize("frame", range(50, 55))
def test_the_network_is_fed_16_columns_from_one_frame_before_the_picture_s(frame: int, avatar: Avatar) -> None:
    """As in training; the public inference script begins at the frame itself, and its lips run 40 ms early."""
    backend = NotingBackend()
    engine = Wav2LipEngine(backend)
    assert engine.span is not None
    columns = np.arange(400, dtype=np.float32)
    sound = np.full((80, len(columns)), -3.5, np.float32)
    sound[:40, columns % 40 < 20] = 0.0  # speech that comes and goes
    sound[79] = columns / 100  # above speech, each column says its number
    start = engine.span.start(frame)
    heard = replace(window(0.0), mel=np.ascontiguousarray(sound[:, start : start + engine.span.columns]))
    engine.render([Job(engine.prepare(avatar), heard)])
    (fed,) = backend.mels
    first = (frame - 1) * 80 // 25  # 80 columns and 25 frames a second
    assert (fed == sound[:, first : first + 16]).all()


def test_a_sound_of_one_frame_lies_where_training_had_it_for_that_frame(avatar: Avatar) -> None:
    """The window begins a frame early and is five frames long: the frame's own sound is the second of them."""
    backend, frame = NotingBackend(), 50
    engine = Wav2LipEngine(backend)
    prepared, windower = engine.prepare(avatar), Windower(engine.span)
    pcm = np.zeros((80, 640), np.float32)
    pcm[frame] = 0.3 * np.random.default_rng(1).standard_normal(640)
    slices = [AudioSlice(0, pts, SILENCE, part, False, StageTimestamps(0)) for pts, part in enumerate(pcm)]
    windows = [window for sound in slices for window in windower.push(sound)]
    assert windows[frame].sound.pts == frame
    engine.render([Job(prepared, windows[frame])])
    (fed,) = backend.mels
    power = speech_power(fed)
    middle = float(power @ np.arange(16) / power.sum())
    assert middle == pytest.approx(1.5 * 3.2, abs=1.0)


def test_the_mouth_fades_in_and_out_and_rests_on_noise() -> None:
    loud, quiet = 0.0, -3.6
    shares = []
    for onset in range(120, 60, -3):  # columns: speech comes nearer, frame by frame
        mel = np.full((80, SPAN.columns), quiet, np.float32)
        mel[:, onset:] = loud
        shares.append(speech_share(speech_power(mel)))
    assert shares[0] == 0 and shares[-1] == 1
    assert all(later >= earlier for earlier, later in itertools.pairwise(shares))
    assert max(np.diff(shares)) < 0.7, "it takes more than one frame"
    rng = np.random.default_rng(1)
    assert speech_share(speech_power((-2.2 + 0.2 * rng.standard_normal((80, SPAN.columns))).astype(np.float32))) == 0


def test_auto_is_wav2lip_where_a_checkpoint_lies_and_portrait_elsewhere(tmp_path: Path, public_file: Path) -> None:
    weights = WEIGHTS / "manifest.json"
    (tmp_path / "manifest.json").write_text(weights.read_text())
    engines = Engines(tmp_path)
    assert engines.resolve("auto") == "portrait"
    with pytest.raises(EngineUnavailable, match="checkpoint"):
        engines.get("wav2lip")
    with pytest.raises(NoSuchEngine):
        engines.get("dance")
    (tmp_path / "wav2lip.pth").symlink_to(public_file)
    assert engines.resolve("auto") == "wav2lip"
    assert engines.get("auto").name == "wav2lip"
    assert engines.get("wav2lip") is engines.get("auto")
    assert Engines(tmp_path, default="clapper").resolve("auto") == "clapper"


def test_a_broken_checkpoint_makes_the_engine_unavailable_and_says_why(tmp_path: Path) -> None:
    weights = WEIGHTS / "manifest.json"
    (tmp_path / "manifest.json").write_text(weights.read_text())
    (tmp_path / "wav2lip.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(EngineUnavailable, match="cannot be read"):
        Engines(tmp_path).get("wav2lip")


class Loader:
    """A checkpoint of its own, and how often it was read."""

    def __init__(self, public_file: Path, folder: Path) -> None:
        self.checkpoint = folder / "wav2lip_gan.pth"
        self.checkpoint.write_bytes(public_file.read_bytes())
        self.count = 0

    def networks(self) -> Networks:
        return kept_networks(self.checkpoint, self._load)

    def _load(self, path: Path) -> Wav2Lip:
        self.count += 1
        return load_checkpoint(path)


def test_a_converted_network_is_kept_and_draws_the_same(public_file: Path, tmp_path: Path) -> None:
    loader = Loader(public_file, tmp_path)
    first, second = loader.networks(), loader.networks()
    assert loader.count == 1, "the second time nothing is read of the checkpoint"
    mels = np.random.default_rng(1).uniform(-4, 4, (1, 80, 16)).astype(np.float32)
    face = ModelFace(np.random.default_rng(2).random((6, 96, 96), np.float32))
    drawn = [CpuBackend(networks, 0, "f32").draw(mels, [face]) for networks in (first, second)]
    assert (drawn[0] == drawn[1]).all()


def test_a_damaged_copy_or_another_checkpoint_is_converted_anew(public_file: Path, tmp_path: Path) -> None:
    loader = Loader(public_file, tmp_path)
    loader.networks()
    (kept,) = (tmp_path / CONVERTED).iterdir()
    (kept / "decoder.xml").write_text("no network")
    loader.networks()
    loader.networks()
    assert loader.count == 2, "and the copy is mended"
    os.utime(loader.checkpoint, ns=(1, 1))
    loader.networks()
    assert loader.count == 3
