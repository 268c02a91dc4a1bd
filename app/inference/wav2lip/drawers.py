"""Which device draws."""

from __future__ import annotations

import torch

from app.inference.wav2lip.drawer import Drawer
from app.inference.wav2lip.model import Wav2Lip


def best_drawer(model: Wav2Lip, threads: int) -> Drawer:
    """Use the GPU where there is one; ``threads`` (0: as many as cores) are for a CPU."""
    if torch.cuda.is_available():
        from app.inference.wav2lip.cuda import TorchDrawer

        return TorchDrawer(model)
    from app.inference.wav2lip.cpu import CpuDrawer

    return CpuDrawer(model, threads)
