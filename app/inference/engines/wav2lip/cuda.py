"""The network on a GPU: half precision, channels last, one captured graph for each of a few batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from app.inference.engines.wav2lip.backend import FACE_SIDE, LOWER_ROWS, MEL_COLUMNS, ModelFace, mel_batch
from app.inference.engines.wav2lip.lower_half import FaceEncoder, LipDecoder
from app.inference.engines.wav2lip.model import Wav2Lip
from app.inference.features.mel import N_MELS
from app.media import FloatArray

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)  # a batch runs in the next larger one
WARM_UPS = 3  # before a capture, so that libraries have chosen their kernels


@dataclass(slots=True)
class CapturedGraph:
    """Fixed buffers for one batch size: pinned on the host, and on the device where the graph reads and writes."""

    mel_host: Tensor
    mel: Tensor
    maps: list[Tensor]
    drawn: Tensor
    drawn_host: Tensor
    graph: torch.cuda.CUDAGraph | None


class TorchBackend:
    """Runs on any torch device; on CUDA by captured graphs and pinned transfers, one each way a batch.

    A face is encoded when it is first drawn; its maps stay on the device for as long as the face lives.
    """

    max_batch = SIZES[-1]

    def __init__(self, model: Wav2Lip, device: str = "cuda", precision: str = "f16") -> None:
        self.precision = precision
        self._device = torch.device(device)
        self._type = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}[precision]
        # a still face is encoded once, so exactly
        self._encoder = FaceEncoder(model).eval().to(self._device)
        self._decoder = LipDecoder(model).eval().to(self._device, self._type)
        for weights in self._decoder.parameters():
            if weights.dim() == 4:
                weights.data = weights.data.contiguous(memory_format=torch.channels_last)
        self._maps: WeakKeyDictionary[ModelFace, list[Tensor]] = WeakKeyDictionary()
        self._graphs: dict[int, CapturedGraph] = {}

    @torch.inference_mode()
    def draw(self, mels: FloatArray, faces: Sequence[ModelFace]) -> FloatArray:
        """See :class:`Backend`."""
        size = next(size for size in SIZES if size >= len(mels))
        known = self._encoded(faces)
        captured = self._captured(size, known[0])
        captured.mel_host[: len(mels)].copy_(torch.from_numpy(mel_batch(mels)))
        captured.mel.copy_(captured.mel_host, non_blocking=True)
        for stage, into in enumerate(captured.maps):
            torch.stack([maps[stage] for maps in known], out=into[: len(known)])
        if captured.graph is not None:
            captured.graph.replay()
        else:
            captured.drawn.copy_(self._decoder(captured.mel, *captured.maps))
        captured.drawn_host.copy_(captured.drawn, non_blocking=True)
        if self._device.type == "cuda":
            torch.cuda.current_stream().synchronize()
        return np.array(captured.drawn_host[: len(mels)].numpy())

    def _encoded(self, faces: Sequence[ModelFace]) -> list[list[Tensor]]:
        """Return each face's maps, those that are new encoded in one batch."""
        new = [face for face in dict.fromkeys(faces) if face not in self._maps]
        if new:
            planes = torch.from_numpy(np.stack([face.planes for face in new])).to(self._device)
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # exactly
                maps = [each.to(self._type) for each in self._encoder(planes)]
            for place, face in enumerate(new):
                self._maps[face] = [each[place].clone() for each in maps]
        return [self._maps[face] for face in faces]

    def _captured(self, size: int, face: list[Tensor]) -> CapturedGraph:
        if size not in self._graphs:
            # on a GPU all at the first draw, which is a calibration: capturing takes longer than a voice may wait
            sizes = SIZES if self._device.type == "cuda" else (size,)
            self._graphs |= {each: self._capture(each, face) for each in sizes}
        return self._graphs[size]

    def _capture(self, size: int, face: list[Tensor]) -> CapturedGraph:
        on_cuda = self._device.type == "cuda"
        zeros = partial(torch.zeros, device=self._device, dtype=self._type)
        mel_shape, drawn_shape = (size, 1, N_MELS, MEL_COLUMNS), (size, LOWER_ROWS, FACE_SIDE, 3)
        captured = CapturedGraph(
            torch.zeros(mel_shape, pin_memory=on_cuda),
            zeros(mel_shape),
            [zeros((size, *each.shape)) for each in face],
            zeros(drawn_shape),
            torch.zeros(drawn_shape, dtype=torch.float32, pin_memory=on_cuda),
            None,
        )
        if not on_cuda:
            return captured
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                captured.drawn.copy_(self._decoder(captured.mel, *captured.maps))
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured.drawn.copy_(self._decoder(captured.mel, *captured.maps))
        captured.graph = graph
        return captured
