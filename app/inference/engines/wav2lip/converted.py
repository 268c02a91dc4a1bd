"""The network as OpenVINO reads it: converted once from a checkpoint, which needs torch, and kept beside it."""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openvino

from app.inference.engines.wav2lip.backend import CONVERTED, FACE_SIDE, MEL_COLUMNS
from app.inference.features.mel import N_MELS

if TYPE_CHECKING:
    from app.inference.engines.wav2lip.model import Wav2Lip

logger = logging.getLogger(__name__)

FORM = 1  # raised whenever what is converted changes


@dataclass(frozen=True, slots=True)
class Networks:
    """What depends on the face alone, and what depends on the sound. Float32 both."""

    encoder: openvino.Model
    decoder: openvino.Model


def kept_networks(checkpoint: Path, load: Callable[[Path], Wav2Lip]) -> Networks:
    """Return a checkpoint's networks: those that were kept, or converted now, which takes seconds, and kept.

    ``load`` reads the checkpoint. Kept networks that cannot be read are converted anew; that they cannot be kept is no
    error.
    """
    folder = checkpoint.parent / CONVERTED / _name(checkpoint)
    try:
        return _read(folder)
    except RuntimeError:  # OpenVINO's: not there, or damaged
        networks = converted(load(checkpoint))
    try:
        _keep(networks, folder)
    except (OSError, RuntimeError) as error:
        logger.info("wav2lip: the converted network cannot be kept in %s (%s)", folder, error)
    return networks


def converted(model: Wav2Lip) -> Networks:
    """Convert a model."""
    import torch

    from app.inference.engines.wav2lip.lower_half import FaceEncoder, LipDecoder

    encoder, decoder = FaceEncoder(model).eval(), LipDecoder(model).eval()
    face = torch.zeros(1, 6, FACE_SIDE, FACE_SIDE)
    mel = torch.zeros(1, 1, N_MELS, MEL_COLUMNS)
    with torch.inference_mode():
        maps = encoder(face)
    return Networks(_converted(encoder, (face,)), _converted(decoder, (mel, *maps)))


def _converted(module: Any, example: tuple[Any, ...]) -> openvino.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the tracer that OpenVINO uses
        return openvino.convert_model(module, example_input=example, input=[list(each.shape) for each in example])


def _name(checkpoint: Path) -> str:
    about = checkpoint.stat()
    return f"{checkpoint.stem}-{about.st_size}-{about.st_mtime_ns}-{FORM}-{openvino.__version__.split('-')[0]}"


def _read(folder: Path) -> Networks:
    core = openvino.Core()
    return Networks(*(core.read_model(folder / f"{part}.xml") for part in Networks.__slots__))


def _keep(networks: Networks, folder: Path) -> None:
    """Write both into a folder, then rename it into its place."""
    staged = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    staged.mkdir(parents=True, exist_ok=True)
    for part in Networks.__slots__:
        openvino.save_model(getattr(networks, part), staged / f"{part}.xml", compress_to_fp16=False)
    shutil.rmtree(folder, ignore_errors=True)  # what could not be read
    staged.rename(folder)
