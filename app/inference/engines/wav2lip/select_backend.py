"""The choice of the device that draws."""

from __future__ import annotations

import ctypes
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from app.checkpoints.torch_extra import has_torch, require_torch
from app.inference.engines.wav2lip.backend import CONVERTED, Backend

if TYPE_CHECKING:
    from app.inference.engines.wav2lip.model import Wav2Lip


def select_backend(checkpoint: Path, threads: int) -> Backend:
    """Return a backend on the GPU where there is one, else on the CPU with so many threads (0: as many as cores).

    Raises:
        BadCheckpoint: when the file is no checkpoint.
        TorchMissing: when it was not converted yet, and cannot be.
    """
    if _has_driver() and has_torch():
        import torch

        from app.inference.engines.wav2lip.checkpoint import load_checkpoint
        from app.inference.engines.wav2lip.cuda import TorchBackend

        if torch.cuda.is_available():
            return TorchBackend(load_checkpoint(checkpoint))
    from app.inference.engines.wav2lip.converted import kept_networks
    from app.inference.engines.wav2lip.cpu import CpuBackend

    return CpuBackend(kept_networks(checkpoint, _load), threads)


def require_loadable(checkpoint: Path) -> None:
    """Find out, without loading it, whether a checkpoint can be used here: with torch, or as it was converted before.

    Raises:
        TorchMissing: when it cannot.
    """
    if not any((checkpoint.parent / CONVERTED).glob(f"{escape(checkpoint.stem)}-*")):
        require_torch(f"wav2lip converts {checkpoint.name} at its first use, which")


def _load(checkpoint: Path) -> Wav2Lip:
    require_torch(f"wav2lip converts {checkpoint.name} at its first use, which")
    from app.inference.engines.wav2lip.checkpoint import load_checkpoint

    return load_checkpoint(checkpoint)


def _has_driver() -> bool:
    """Whether NVIDIA's driver is here: it can be asked without torch, which takes seconds to load."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
