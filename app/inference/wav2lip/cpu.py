"""The network on a CPU, by OpenVINO, in the best of the 16-bit formats that the processor has, or in float32."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import openvino
import torch

from app.inference.mel import N_MELS
from app.inference.wav2lip.drawer import ModelFace, mel_batch
from app.inference.wav2lip.lower_half import LOWER_ROWS, FaceEncoder, LipDecoder
from app.inference.wav2lip.model import FACE_SIDE, MEL_COLUMNS, Wav2Lip
from app.media import FloatArray


class CpuDrawer:
    """Draws the faces of a batch one after another.

    Joining them would give a third more on a CPU, and other kernels with other rounding: a picture would depend on
    who else is there, by up to 3e-3 in half precision.
    """

    max_batch = 8

    def __init__(self, model: Wav2Lip, threads: int, precision: str | None = None) -> None:
        core = openvino.Core()
        self.precision = precision or best_precision(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
        encoder, decoder = FaceEncoder(model).eval(), LipDecoder(model).eval()
        face = torch.zeros(1, 6, FACE_SIDE, FACE_SIDE)
        mel = torch.zeros(1, 1, N_MELS, MEL_COLUMNS)
        with torch.inference_mode():
            maps = encoder(face)
        # a still face is encoded once, so exactly
        self._encoder = _compiled(core, encoder, (face,), [list(face.shape)], "f32", threads)
        shapes = [list(each.shape) for each in (mel, *maps)]
        self._decoder = _compiled(core, decoder, (mel, *maps), shapes, self.precision, threads).create_infer_request()
        self._maps: WeakKeyDictionary[ModelFace, list[FloatArray]] = WeakKeyDictionary()

    def draw(self, mels: FloatArray, faces: Sequence[ModelFace]) -> FloatArray:
        """See :class:`Drawer`."""
        drawn = np.empty((len(mels), LOWER_ROWS, FACE_SIDE, 3), np.float32)
        for place, (mel, face) in enumerate(zip(mel_batch(mels), faces, strict=True)):
            answer = self._decoder.infer([mel[None], *self._encoded(face)], share_inputs=True, share_outputs=True)
            drawn[place] = answer[0][0]
        return drawn

    def _encoded(self, face: ModelFace) -> list[FloatArray]:
        if face not in self._maps:
            answer = self._encoder(face.planes[None])
            self._maps[face] = [np.array(answer[i]) for i in range(len(answer))]
        return self._maps[face]


def best_precision(capabilities: Sequence[str]) -> str:
    """Choose by what OpenVINO says of the processor: half precision is as fast as bfloat16, and eight times as fine."""
    known = {"FP16": "f16", "BF16": "bf16"}
    return next((ours for theirs, ours in known.items() if theirs in capabilities), "f32")


def _compiled(
    core: Any, module: torch.nn.Module, example: tuple[torch.Tensor, ...], shapes: list[list[int]], precision: str,
    threads: int,
) -> Any:  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the tracer that OpenVINO uses
        converted = openvino.convert_model(module, example_input=example, input=shapes)
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        **({"INFERENCE_NUM_THREADS": threads} if threads else {}),
    }
    return core.compile_model(converted, "CPU", options)
