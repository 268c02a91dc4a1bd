"""Speech to try a portrait with: an example with its phonemes, and sounds made on the spot."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import soundfile

from app.inference.engines.portrait.shape import MouthShape
from app.inference.engines.portrait.viseme_driver import mouth_shape
from app.inference.engines.portrait.viseme_net import SPAN
from app.inference.features.window import Window
from app.inference.features.windower import Windower
from app.ingest.slicer import Slicer
from tests.paths import FIXTURES

FRAME_S = 0.04


@dataclass(frozen=True)
class Spoken:
    """``pcm``: float32 at 16 kHz. ``segments``: (sound, start, end) in seconds."""

    pcm: np.ndarray
    segments: list[tuple[str, float, float]]

    def frames_of(self, sounds: str) -> list[range]:
        """The frames whose middles lie in each of these sounds, or 20 ms beside."""
        return [
            range(max(0, round((start - 0.02) / FRAME_S)), round((end + 0.02) / FRAME_S))
            for sound, start, end in self.segments
            if sound in sounds
        ]


def example() -> Spoken:
    """A voice that taught the network nothing (``tools/visemes/example.py``)."""
    pcm, _ = soundfile.read(FIXTURES / "spoken.flac", dtype="float32")
    rows = json.loads((FIXTURES / "spoken.json").read_text())["segments"]
    return Spoken(pcm, [(sound, start, end) for sound, start, end, _ in rows])


def windows(pcm: np.ndarray, rate: int = 16_000, chunk: int = 1 << 20) -> list[Window]:
    """What the portrait hears of a recording that comes in chunks of so many bytes."""
    slicer, windower = Slicer("pcm_f32le", 1, rate), Windower(SPAN)
    data, found = pcm.astype("<f4").tobytes(), []
    for start in range(0, len(data), chunk):
        for sound in slicer.push(data[start : start + chunk], 0, 0):
            found += windower.push(sound)
        found += windower.hear(slicer.tail)
    for sound in slicer.flush(0, 0):
        found += windower.push(sound)
    return found + windower.flush()


def shapes(pcm: np.ndarray, rate: int = 16_000) -> list[MouthShape]:
    """The mouth of every frame."""
    return [mouth_shape(window) for window in windows(pcm, rate)]
