"""The public Wav2Lip model by its stable name; it lives in ``engines/wav2lip/model.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.inference.engines.wav2lip.model import Wav2Lip

__all__ = ["Wav2Lip"]


def __getattr__(name: str) -> Any:
    """Load the model's class, and torch with it, when it is asked for: a converted network needs neither."""
    if name == "Wav2Lip":
        from app.inference.engines.wav2lip.model import Wav2Lip

        return Wav2Lip
    raise AttributeError(name)
