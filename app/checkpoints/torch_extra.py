"""torch, which an extra of the package brings: reading a checkpoint needs it, nothing else on a CPU does."""

from __future__ import annotations

import importlib.util

from app.checkpoints.manifest import WeightsError


class TorchMissing(WeightsError):
    """What was asked for needs torch, which is not installed."""


def has_torch() -> bool:
    """Whether torch is installed; it is not imported, which takes seconds."""
    return importlib.util.find_spec("torch") is not None


def require_torch(purpose: str) -> None:
    """Make sure that torch is here, for ``purpose``, which begins the message.

    Raises:
        TorchMissing: when it is not installed.
    """
    if not has_torch():
        raise TorchMissing(f"{purpose} needs torch: `pip install 'lipwire-server[wav2lip]'`.")
