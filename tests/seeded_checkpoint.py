"""Wav2Lip-shaped checkpoints from a seed: the lips they draw mean nothing, their numbers are repeatable."""

from __future__ import annotations

import math
import zlib

import torch

from app.inference.wav2lip import Wav2Lip


def seeded_state_dict() -> dict[str, torch.Tensor]:
    """Every tensor's values depend on its name and shape alone; activations stay of order 1."""
    tensors = {}
    for name, tensor in Wav2Lip().state_dict().items():
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        noise = torch.randn(tensor.shape, generator=generator) if tensor.dim() else torch.zeros(())
        if name.endswith("running_var"):
            tensors[name] = 1 + 0.3 * noise.abs()
        elif name.endswith("num_batches_tracked"):
            tensors[name] = torch.tensor(1)
        elif tensor.dim() == 4:
            tensors[name] = noise * math.sqrt(2 / math.prod(tensor.shape[1:]))
        else:
            tensors[name] = 0.1 * noise + (1.0 if name.endswith(".1.weight") else 0.0)
    return tensors
