"""The network on a CPU, by OpenVINO, in the best of the 16-bit formats that the processor has, or in float32."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from app.cpu_network import compile_network, openvino_core
from app.inference.engines.wav2lip.backend import FACE_SIDE, LOWER_ROWS, ModelFace, mel_batch
from app.inference.engines.wav2lip.converted import Networks
from app.media import FloatArray

HALVES = {"FP16": "f16", "BF16": "bf16"}  # as OpenVINO names them, the finer one first: it is eight times as fine
FINER_MAY_TAKE = 1.5  # times as long
TRIALS = 4


class CpuBackend:
    """Draws the faces of a batch one after another.

    A joint batch would be a third faster on a CPU, but by other kernels with other rounding: a picture would depend on
    who else is there, by up to 3e-3 in half precision.
    """

    max_batch = 1  # together they take as long, and the first would wait for the last

    def __init__(self, networks: Networks, threads: int, precision: str | None = None) -> None:
        known = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        tried = [precision] if precision else [ours for theirs, ours in HALVES.items() if theirs in known] or ["f32"]
        decoders = {each: compile_network(networks.decoder, each, threads).create_infer_request() for each in tried}
        self.precision = best_precision({each: _seconds(decoder) for each, decoder in decoders.items()})
        self._decoder = decoders[self.precision]
        # a still face is encoded once, so exactly
        self._encoder = compile_network(networks.encoder, threads=threads)
        self._maps: WeakKeyDictionary[ModelFace, list[FloatArray]] = WeakKeyDictionary()

    def draw(self, mels: FloatArray, faces: Sequence[ModelFace]) -> FloatArray:
        """See :class:`Backend`."""
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


def best_precision(seconds: Mapping[str, float]) -> str:
    """Choose a format by the seconds that a picture takes in each, the finest first.

    A processor may know half precision and yet be slower in it than in float32, where it multiplies matrices in
    bfloat16 alone (Intel's Sapphire Rapids: 26 ms, 19 and 6).
    """
    finest = next(iter(seconds))
    fastest = min(seconds, key=lambda each: seconds[each])
    return finest if seconds[finest] <= FINER_MAY_TAKE * seconds[fastest] else fastest


def _seconds(decoder: Any) -> float:
    """Return the shortest of a few trials: the first ones load what the others find loaded."""
    inputs = [np.zeros(tuple(each.shape), np.float32) for each in decoder.model_inputs]
    times = []
    for _ in range(TRIALS):
        begun = time.perf_counter()
        decoder.infer(inputs)
        times.append(time.perf_counter() - begun)
    return min(times)
