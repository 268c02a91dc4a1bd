"""The public Wav2Lip model, in-process (R. Prajwal, R. Mukhopadhyay, V. Namboodiri, C. V. Jawahar, 2020)."""

from app.inference.wav2lip.model import Wav2Lip

__all__ = ["Wav2Lip"]
