from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from app.inference.engine import Job, Portrait, Window
from app.inference.engines import Engines, EngineUnavailable, NoSuchEngine
from app.inference.wav2lip import Wav2Lip
from app.inference.wav2lip.checkpoint import BadCheckpoint, load_checkpoint
from app.inference.wav2lip.engine import Wav2LipEngine
from app.media import SILENCE, AudioSlice, Journey
from tests.checkpoints import seeded_state_dict

FIXTURE = Path(__file__).parent / "fixtures" / "wav2lip.npz"
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
    sound = AudioSlice(0, 0, SILENCE, np.zeros(640, np.float32), False, Journey(0))
    return Window(sound, np.full((80, 16), mel_level, np.float32))


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


def test_only_the_lower_half_of_the_face_changes(model: Wav2Lip, portrait: Portrait) -> None:
    engine = Wav2LipEngine(model, "cpu")
    prepared = engine.prepare(portrait)
    (image,) = engine.render([Job(prepared, window(0.5))])
    changed = (image != portrait.image).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    middle = prepared.top + prepared.cover.shape[0] / 2
    assert changed.sum() > 1000
    assert rows[0] >= middle - 1 and rows[-1] < prepared.top + prepared.cover.shape[0]
    assert columns[0] >= prepared.left and columns[-1] < prepared.left + prepared.cover.shape[1]


def test_silence_leaves_the_picture_as_it_is(model: Wav2Lip, portrait: Portrait) -> None:
    engine = Wav2LipEngine(model, "cpu")
    (image,) = engine.render([Job(engine.prepare(portrait), window(-4.0))])
    assert image is portrait.image


def test_a_batch_gives_what_each_gives_alone(model: Wav2Lip, portrait: Portrait) -> None:
    engine = Wav2LipEngine(model, "cpu")
    prepared = engine.prepare(portrait)
    jobs = [Job(prepared, window(level)) for level in (0.5, -4.0, 1.5)]
    together = engine.render(jobs)
    for job, image in zip(jobs, together, strict=True):
        assert np.abs(engine.render([job])[0].astype(int) - image).max() <= 1


def test_auto_is_wav2lip_where_a_checkpoint_lies_and_portrait_elsewhere(tmp_path: Path, public_file: Path) -> None:
    weights = Path(__file__).parent.parent / "weights" / "manifest.json"
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
    weights = Path(__file__).parent.parent / "weights" / "manifest.json"
    (tmp_path / "manifest.json").write_text(weights.read_text())
    (tmp_path / "wav2lip.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(EngineUnavailable, match="cannot be read"):
        Engines(tmp_path).get("wav2lip")
