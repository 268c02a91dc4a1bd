"""The same network, arranged so that nothing is computed twice and nothing for rows that are never shown.

Three changes, none of which changes a value beyond float rounding:

- Batch norms are folded into their convolutions.
- What the decoder takes from the face does not depend on the sound. Each of its convolutions over (drawn so far,
  face feature) is the sum of two; the face's share is computed once an avatar (:class:`FaceEncoder`).
- Only the lower 48 rows are pasted. Rows that they do not depend on are cut off before they are computed: each
  doubling block needs one more row above than the next, and its two residual convolutions spoil two at the cut.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from app.inference.engines.wav2lip.backend import LOWER_ROWS
from app.inference.engines.wav2lip.model import Convolution, Wav2Lip

SPOILED_ROWS = 2  # by the cut above, in every doubling block
FIRST_CUT = 1  # of the six rows that enter the first doubling block whose upper rows are not all needed
WHOLE_BLOCKS = 3  # of the decoder, from its start: too small to cut

FaceMaps = tuple[Tensor, ...]  # the face's share of each decoder convolution, (B, channels, rows, columns) each


def rows_cut() -> list[int]:
    """Return, for each stage of the decoder and the output, the row at which its input begins: 0 where it is whole."""
    cuts = [0] * WHOLE_BLOCKS + [FIRST_CUT]
    while len(cuts) < 8:
        cuts.append(2 * cuts[-1] + SPOILED_ROWS)
    return cuts


class Folded(nn.Module):
    """A convolution with its batch norm in it, ReLU, added to its input where the original was."""

    def __init__(self, block: Convolution) -> None:
        super().__init__()
        convolution: Any = block.conv_block[0]
        norm: Any = block.conv_block[1]
        self.convolution = fuse_conv_bn_eval(convolution, norm)
        self.residual = block.residual

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H', W')."""
        y = self.convolution(x)
        return torch.relu(y + x if self.residual else y)


def _folded(blocks: nn.Module) -> nn.Sequential:
    return nn.Sequential(*(Folded(block) for block in _convolutions(blocks)))


def _convolutions(blocks: nn.Module) -> Iterator[Convolution]:
    for block in blocks.children():
        if isinstance(block, Convolution):
            yield block


def _first_convolutions(model: Wav2Lip) -> Iterator[nn.Conv2d | nn.ConvTranspose2d]:
    """The convolutions that join drawing and face, batch norm folded in: of decoder blocks 1 to 6, of the output."""
    blocks: Any = model.face_decoder_blocks
    for block in list(blocks)[1:]:
        convolution, norm = block[0].conv_block
        yield fuse_conv_bn_eval(convolution, norm, transpose=True)
    output: Any = model.output_block[0]
    convolution, norm = output.conv_block
    yield fuse_conv_bn_eval(convolution, norm)


def _widths(blocks: Any) -> list[int]:
    """Return how many channels each block gives out."""
    return [block[-1].conv_block[0].out_channels for block in blocks]


def _share(joint: nn.Conv2d | nn.ConvTranspose2d, first: int, count: int, with_bias: bool) -> nn.Module:
    """Return the convolution over input channels ``first`` to ``first + count`` of a joint one."""
    made = copy.deepcopy(joint)
    made.in_channels = count
    is_up = isinstance(joint, nn.ConvTranspose2d)
    made.weight = nn.Parameter(joint.weight.detach().narrow(0 if is_up else 1, first, count).clone())
    if not with_bias:
        made.bias = None
    return made


class FaceEncoder(nn.Module):
    """Everything that depends on the face alone."""

    def __init__(self, model: Wav2Lip) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_folded(block) for block in model.face_encoder_blocks)
        joints = list(_first_convolutions(model))
        widths = _widths(model.face_encoder_blocks)[::-1]
        self.shares = nn.ModuleList(
            _share(joint, joint.in_channels - width, width, with_bias=True)
            for joint, width in zip(joints, widths, strict=True)
        )

    def forward(self, face: Tensor) -> FaceMaps:
        """(B, 6, 96, 96), 0…1, as :class:`Wav2Lip` takes it → the seven maps that :class:`LipDecoder` adds."""
        features = []
        for block in self.blocks:
            face = block(face)
            features.append(face)
        cuts = rows_cut()[1:]
        return tuple(
            share(feature[:, :, cut:])
            for share, feature, cut in zip(self.shares, reversed(features), cuts, strict=True)
        )


class LipDecoder(nn.Module):
    """Everything that depends on the sound."""

    def __init__(self, model: Wav2Lip) -> None:
        super().__init__()
        self.audio_encoder = _folded(model.audio_encoder)
        self.first = _folded(model.face_decoder_blocks[0])
        joints = list(_first_convolutions(model))
        widths = _widths(model.face_decoder_blocks)
        self.shares = nn.ModuleList(
            _share(joint, 0, width, with_bias=False) for joint, width in zip(joints, widths, strict=True)
        )
        self.residuals = nn.ModuleList(_folded(block) for block in list(model.face_decoder_blocks)[1:])
        self.colours = copy.deepcopy(model.output_block[1])

    def forward(self, mel: Tensor, *maps: Tensor) -> Tensor:
        """Draw the lower half.

        ``mel``: (B, 1, 80, 16). ``maps``: from :class:`FaceEncoder`, for one face or for B.
        Returns (B, 48, 96, 3), 0…255, BGR.
        """
        x = self.first(self.audio_encoder(mel))
        cuts = rows_cut()
        for stage, share in enumerate(self.shares):
            # the rows above the cut: all of it where the input is whole so far, else what the last block spoiled
            above = cuts[stage + 1] - (2 * cuts[stage] if stage else 0)
            x = torch.relu(share(x[:, :, above:]) + maps[stage])
            if stage < len(self.residuals):
                x = self.residuals[stage](x)
        x = torch.sigmoid(self.colours(x))[:, :, -LOWER_ROWS:]
        return x.permute(0, 2, 3, 1) * 255
