"""The network on a CPU, by OpenVINO, in the best of the 16-bit formats that the processor has, or in float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import openvino

from app.inference.wav2lip.converted import Networks
from app.inference.wav2lip.drawer import FACE_SIDE, LOWER_ROWS, ModelFace, mel_batch
from app.media import FloatArray


class CpuDrawer:
    """Draws the faces of a batch one after another.

    Joining them would give a third more on a CPU, and other kernels with other rounding: a picture would depend on
    who else is there, by up to 3e-3 in half precision.
    """

    max_batch = 8

    def __init__(self, networks: Networks, threads: int, precision: str | None = None) -> None:
        core = openvino.Core()
        self.precision = precision or best_precision(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
        # a still face is encoded once, so exactly
        self._encoder = _compiled(core, networks.encoder, "f32", threads)
        self._decoder = _compiled(core, networks.decoder, self.precision, threads).create_infer_request()
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


def _compiled(core: openvino.Core, network: openvino.Model, precision: str, threads: int) -> Any:
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        **({"INFERENCE_NUM_THREADS": threads} if threads else {}),
    }
    return core.compile_model(network, "CPU", options)
