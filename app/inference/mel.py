"""The public mel by its stable name; it lives in ``features/mel.py``."""

from app.inference.features.mel import MelStream, melspectrogram

__all__ = ["MelStream", "melspectrogram"]
