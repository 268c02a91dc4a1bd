"""A small network that hears what a mouth does: mel in, the mouth's shape out. Trained by ``tools/visemes``.

A second of mel is compared with its own loudest column. Two convolutions read the last half second, one layer the whole
second (whose voice, which microphone); three more layers make the mouth of both. Plain NumPy: some 1.6 million
multiplications for each frame that is heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from app.assets import WEIGHTS
from app.checkpoints.manifest import WeightsError
from app.inference.engines.portrait.shape import CHANNELS
from app.inference.features.mel import N_MELS
from app.inference.features.window import MelSpan
from app.media import FloatArray

SPREAD_CHANNEL = CHANNELS.index("wide")

# The last second, and 5 columns from the frame's start on: their last sample lies 75 ms after it, so that one
# slice of look-ahead is enough.
LOOK_BACK_FRAMES = 25
AHEAD_COLUMNS = 5
COLUMNS = LOOK_BACK_FRAMES * 16 // 5 + AHEAD_COLUMNS
# Before it, what the frames before this one heard: five of them, as only they are a whole number of columns.
EARLIER_FRAMES, EARLIER_COLUMNS = 5, 16
SPAN = MelSpan(first_frame=-LOOK_BACK_FRAMES - EARLIER_FRAMES, columns=COLUMNS + EARLIER_COLUMNS)
LOCAL_COLUMNS = 45  # the last, read closely
TAPS, STRIDE = 5, 2  # of both convolutions
FLOOR = -5.0  # below the loudest column: 62 dB
MIDDLE_COLUMN = LOOK_BACK_FRAMES * 16 // 5 + 1.6  # of the frame, in the window; up to 0.8 more by where it begins

NET_WEIGHTS = WEIGHTS / "lipwire-mouth.safetensors"


@dataclass(frozen=True, slots=True)
class Layer:
    """A dense layer, or a convolution as one: ``weight`` float32 (inputs, outputs), ``bias`` (outputs,)."""

    weight: FloatArray
    bias: FloatArray

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the layer's output before its non-linearity."""
        flat = x.reshape(-1, x.shape[-1]) @ self.weight + self.bias  # as one product
        return np.asarray(flat.reshape(*x.shape[:-1], -1))


class VisemeNet:
    """Hears mouths in mel. Keeps nothing between calls; for any thread."""

    def __init__(self, weights: Path = NET_WEIGHTS) -> None:
        """Load the weights.

        Raises:
            WeightsError: when they are not there, or not this network's.
        """
        try:
            self._load(weights)
            self.hear(np.zeros((N_MELS, COLUMNS), np.float32))  # layers that do not fit together fail here
        except (OSError, SafetensorError, LookupError, ValueError) as error:
            raise WeightsError(
                f"{weights} is not the portrait's network ({error}); delete it, or install Lipwire again."
            ) from error

    def _load(self, weights: Path) -> None:
        stored = load_file(weights)

        def layer(name: str) -> Layer:
            weight = stored[f"{name}.weight"].astype(np.float32)
            if weight.ndim == 3:  # (outputs, inputs, taps) → taps after one another, as the columns lie
                weight = weight.transpose(0, 2, 1).reshape(len(weight), -1)
            return Layer(np.ascontiguousarray(weight.T), stored[f"{name}.bias"].astype(np.float32))

        self._convolutions = [layer("conv1"), layer("conv2")]
        self._voice, self._mouth = layer("voice"), layer("mouth")
        self._dense = [layer("dense1"), layer("dense2")]

    def hear(self, mel: FloatArray, starts: Sequence[int] = (0,)) -> FloatArray:
        """Read mel, float32 (80, columns), −4…4, from each of ``starts`` on, ``COLUMNS`` of it, as a mouth.

        Returns float32 (n, 8), see ``CHANNELS``.
        """
        count, columns = len(starts), np.ascontiguousarray(mel.T)
        mean = columns.mean(axis=1)
        loudest = np.array([[mean[start : start + COLUMNS].max()] for start in starts], np.float32)
        x = np.empty((count, COLUMNS, N_MELS), np.float32)
        for at, start in enumerate(starts):
            np.subtract(columns[start : start + COLUMNS], loudest[at], out=x[at])
        np.maximum(np.minimum(x, -FLOOR, out=x), FLOOR, out=x)
        voice = np.maximum(self._voice(np.concatenate([x.mean(axis=1), x.max(axis=1), loudest], axis=1)), 0)
        local = np.ascontiguousarray(x[:, -LOCAL_COLUMNS:])
        for convolution in self._convolutions:
            local = np.maximum(convolution(_taken(local)), 0)
        hidden = np.concatenate([local.transpose(0, 2, 1).reshape(count, -1), voice], axis=1)  # channels first
        for dense in self._dense:
            hidden = np.maximum(dense(hidden), 0)
        raw = self._mouth(hidden)
        mouth = 1 / (1 + np.exp(-raw))
        mouth[:, SPREAD_CHANNEL] = np.tanh(raw[:, SPREAD_CHANNEL])
        return np.asarray(mouth, np.float32)


def _taken(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return every second run of 5 rows of contiguous arrays, side by side.

    (count, n, channels) → (count, 1 + (n − 5) // 2, 5 × channels)
    """
    count, rows, channels = x.shape
    steps, size = 1 + (rows - TAPS) // STRIDE, x.itemsize
    strides = (rows * channels * size, STRIDE * channels * size, size)
    return np.ascontiguousarray(np.ndarray((count, steps, TAPS * channels), np.float32, x, 0, strides))
