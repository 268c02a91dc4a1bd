"""A small network that hears what a mouth does: mel in, the mouth's shape out. Trained by ``tools/visemes``.

A second of mel is compared with its own loudest column. Two convolutions read the last half second, one layer the whole
second (whose voice, which microphone); three more layers make the mouth of both. Their products are NumPy's: some 1.6
million multiplications for a frame that is heard alone, fewer for one that shares rows with another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from app.assets import WEIGHTS
from app.checkpoints.manifest import WeightsError
from app.inference.engines.portrait.shape import CHANNELS
from app.inference.engines.portrait.viseme_loops import set_against_loudest, side_by_side, squashed
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
STEPS = np.arange(COLUMNS - LOCAL_COLUMNS, COLUMNS - TAPS + 1, STRIDE)  # of the first one: columns of the window
FLOOR = -5.0  # below the loudest column: 62 dB
MIDDLE_COLUMN = LOOK_BACK_FRAMES * 16 // 5 + 1.6  # of the frame, in the window; up to 0.8 more by where it begins

NET_WEIGHTS = WEIGHTS / "lipwire-mouth.safetensors"


@dataclass(frozen=True, slots=True)
class Layer:
    """A dense layer, or a convolution as one: ``weight`` float32 (inputs, outputs), ``bias`` (outputs,)."""

    weight: FloatArray
    bias: FloatArray

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the layer's output for each row of ``x``, before its non-linearity."""
        made = x @ self.weight
        made += self.bias
        return made

    def rectified(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is positive of it."""
        made = self(x)
        return np.maximum(made, 0, out=made)


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
            return Layer(stored[f"{name}.weight"].astype(np.float32).T, stored[f"{name}.bias"].astype(np.float32))

        def convolution(name: str) -> Layer:
            weight = stored[f"{name}.weight"].astype(np.float32)  # (outputs, inputs, taps)
            as_columns_lie = weight.transpose(2, 1, 0).reshape(-1, len(weight))  # taps after one another
            return Layer(as_columns_lie, stored[f"{name}.bias"].astype(np.float32))

        # a product of many rows is quickest with a weight of contiguous rows, one of three with contiguous columns
        self._convolutions = [convolution("conv1"), convolution("conv2")]
        self._voice, self._mouth = layer("voice"), layer("mouth")
        first, second = layer("dense1"), layer("dense2")
        channels, voices = len(self._convolutions[1].bias), len(self._voice.bias)
        seen = first.weight.T[:, :-voices]  # was taught on each channel's steps after one another
        seen[:] = seen.reshape(len(seen), channels, -1).transpose(0, 2, 1).reshape(seen.shape)
        self._dense = [first, second]

    def hear(self, mel: FloatArray, starts: Sequence[int] = (0,)) -> FloatArray:
        """Read mel, float32 (80, columns), −4…4, from each of ``starts`` on, ``COLUMNS`` of it, as a mouth.

        Returns float32 (n, 8), see ``CHANNELS``.
        """
        if mel.shape[0] != N_MELS or not 0 <= min(starts) <= max(starts) <= mel.shape[1] - COLUMNS:
            raise ValueError(f"windows of {COLUMNS} columns from {starts} on are not all in mel of {mel.shape}")
        mel = np.ascontiguousarray(mel, np.float32)
        rows, places, voice = set_against_loudest(mel, np.array(starts), COLUMNS, FLOOR, STEPS, TAPS)
        near = self._convolutions[0].rectified(rows)
        local = self._convolutions[1].rectified(side_by_side(near, places, TAPS, STRIDE))
        hidden = np.concatenate([local.reshape(len(starts), -1), self._voice.rectified(voice)], axis=1)
        for dense in self._dense:
            hidden = dense.rectified(hidden)
        return squashed(self._mouth(hidden), SPREAD_CHANNEL)
