"""Windows of mel as other throats and microphones would make them: cheap enough to be drawn anew in every batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from app.inference.features.mel import MAX_ABS, SILENT_COLUMN

THROATS = 16  # in a batch


def roughened(mel: Tensor, alike: Tensor, random: torch.Generator) -> Tensor:
    """Vary colour, loudness and throat (``THROATS`` a batch) of windows, and take a band out now and then.

    ``mel``: float32 (windows, columns, bands). ``alike``: int64 (windows,), from 0 on without a gap; windows of one
    number get the same colour, loudness and band.
    """
    count, columns, bands = mel.shape
    draws = int(alike.max()) + 1
    bend = 0.10 * (2 * torch.rand(THROATS, 1, generator=random) - 1)
    at = (torch.arange(bands) * (1 + bend)).clamp(0, bands - 1)
    stretch = (1 - (at[:, None, :] - torch.arange(bands)[:, None]).abs()).clamp(min=0)  # (throats, from, to)
    mel = (mel.reshape(THROATS, -1, bands) @ stretch).reshape(count, columns, bands)
    silent = mel <= SILENT_COLUMN + 0.01
    knots = torch.randn(draws, 1, 7, generator=random).cumsum(2) * 0.18
    colour = functional.interpolate(knots, bands, mode="linear", align_corners=True)
    gain = torch.randn(draws, 1, 1, generator=random) * 0.4
    mel = mel.add_((colour + gain)[alike]).clamp_(-MAX_ABS, MAX_ABS).masked_fill_(silent, SILENT_COLUMN)
    width = torch.randint(0, 9, (draws, 1, 1), generator=random)
    first = torch.randint(0, bands - 9, (draws, 1, 1), generator=random)
    place = torch.arange(bands)
    masked = (place >= first) & (place < first + width) & (torch.rand(draws, 1, 1, generator=random) < 0.3)
    some = masked[alike].flatten(1).any(1).nonzero().flatten()
    part = mel[some]
    mel[some] = torch.where(masked[alike[some]], part.mean(dim=2, keepdim=True), part)
    return mel
