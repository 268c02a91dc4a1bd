"""Public Wav2Lip checkpoints: read safely, checked strictly."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from app.checkpoints.manifest import WeightsError
from app.inference.engines.wav2lip.model import Wav2Lip

PREFIX = "module."  # left by the data-parallel training that made the public files
NAMES_SHOWN = 3
# what torch's and safetensors' readers raise on bytes that are no checkpoint
DAMAGE = (
    OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, struct.error,
    pickle.UnpicklingError, SafetensorError,
)  # fmt: skip


class BadCheckpoint(WeightsError):
    """A file that is no Wav2Lip checkpoint; the message says what was expected and what was found."""


def load_checkpoint(path: Path) -> Wav2Lip:
    """Read a ``.pth`` (nothing in it is executed) or ``.safetensors`` file into a model in evaluation mode.

    Raises:
        BadCheckpoint: when the file cannot be read, or its tensors are not exactly Wav2Lip's.
    """
    tensors = {name.removeprefix(PREFIX): tensor for name, tensor in _tensors(path).items()}
    model = Wav2Lip()
    _check(path, {name: tensor.shape for name, tensor in model.state_dict().items()}, tensors)
    model.load_state_dict(tensors, strict=True)
    return model.eval()


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        stored: Any = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadCheckpoint(f"{path} cannot be read as a checkpoint: {reason}") from error
    if isinstance(stored, dict) and isinstance(stored.get("state_dict"), dict):
        stored = stored["state_dict"]
    if not isinstance(stored, dict) or not all(isinstance(value, torch.Tensor) for value in stored.values()):
        raise BadCheckpoint(f"{path} holds no state dict: expected named tensors, found {type(stored).__name__}.")
    return stored


def _check(path: Path, expected: dict[str, torch.Size], found: dict[str, torch.Tensor]) -> None:
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    wrong = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(shape)}"
        for name, shape in expected.items()
        if name in found and found[name].shape != shape
    ]
    problems = [
        f"{len(names)} {what} ({', '.join(names[:NAMES_SHOWN])}{', …' if len(names) > NAMES_SHOWN else ''})"
        for what, names in (("missing", missing), ("not Wav2Lip's", extra), ("of another shape", wrong))
        if names
    ]
    if problems:
        raise BadCheckpoint(
            f"{path} is not a Wav2Lip checkpoint: expected {len(expected)} tensors, "
            f"found {len(found)}; {'; '.join(problems)}."
        )
