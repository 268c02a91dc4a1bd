"""What draws lips: the network on a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.media import FloatArray

FACE_SIDE = 96  # pixels
LOWER_ROWS = FACE_SIDE // 2  # that are drawn
MEL_COLUMNS = 16  # that the network hears: 200 ms
CONVERTED = "converted"  # the folder, among the weights, with networks as a CPU takes them


@dataclass(frozen=True, eq=False)
class ModelFace:
    """A face as the model takes it: float32 (6, 96, 96), 0…1. Equal to itself alone.

    A backend encodes a face when it first draws it, and keeps the answer for as long as this object lives.
    """

    planes: FloatArray


class Backend(Protocol):
    """Draws lower halves. Used on the inference thread only."""

    precision: str
    max_batch: int

    def draw(self, mels: FloatArray, faces: Sequence[ModelFace]) -> FloatArray:
        """Draw lower halves: float32 (n, 80, 16) and n faces → float32 (n, 48, 96, 3), 0…255, BGR."""
        ...


def mel_batch(mels: FloatArray) -> FloatArray:
    """(n, 80, 16) → contiguous (n, 1, 80, 16)."""
    return np.ascontiguousarray(mels[:, None], np.float32)
