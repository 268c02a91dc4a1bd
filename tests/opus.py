"""Opus as aiortc sends it, packet by packet."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from aiortc.codecs.opus import OpusEncoder
from av import AudioFrame

from app.media import SAMPLE_RATE, SAMPLES_PER_PACKET, FloatArray


def payloads(voice: FloatArray, bit_rate: int = 96_000, application: str = "voip") -> Iterator[bytes]:
    """Encode float32 (samples,), −1…1, 20 ms at a time."""
    encoder = OpusEncoder()
    encoder.codec.bit_rate, encoder.codec.options = bit_rate, {"application": application}
    for start in range(0, len(voice) - SAMPLES_PER_PACKET + 1, SAMPLES_PER_PACKET):
        samples = np.asarray(voice[start : start + SAMPLES_PER_PACKET] * 32767, np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        yield from encoder.encode(frame)[0]
