"""The currency of the service: rates, time bases and the two values that pass between stages.

Media time is counted in integers. A *slot* is one video frame's time, 40 ms; everything else is a whole
number of samples or clock ticks per slot.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from app.emphasis import CALM, Emphasis

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

VIDEO_FPS = 25
SLOT_MS = 1000 // VIDEO_FPS  # 40
SLOT_NS = NS_PER_S // VIDEO_FPS

SAMPLE_RATE = 48_000  # playout, and what Opus carries
SAMPLES_PER_FRAME = SAMPLE_RATE // VIDEO_FPS  # 1920
AUDIO_TIME_BASE = Fraction(1, SAMPLE_RATE)

MODEL_RATE = 16_000  # what every lip-sync model here listens at
MODEL_SAMPLES_PER_FRAME = MODEL_RATE // VIDEO_FPS  # 640

PACKETS_PER_FRAME = 2
SAMPLES_PER_PACKET = SAMPLES_PER_FRAME // PACKETS_PER_FRAME  # 960, 20 ms: one RTP packet
PACKET_MS = SLOT_MS // PACKETS_PER_FRAME  # 20
PACKET_NS = SLOT_NS // PACKETS_PER_FRAME

VIDEO_CLOCK_RATE = 90_000
VIDEO_TICKS_PER_FRAME = VIDEO_CLOCK_RATE // VIDEO_FPS  # 3600
VIDEO_TIME_BASE = Fraction(1, VIDEO_CLOCK_RATE)

Image = NDArray[np.uint8]  # (height, width, 3), BGR: pictures as they are read and prepared
I420 = NDArray[np.uint8]  # (height × 3/2, width), see app/i420.py: pictures as they are drawn and sent
Samples = NDArray[np.int16]
FloatArray = NDArray[np.float32]

SILENCE: Samples = np.zeros(SAMPLES_PER_FRAME, np.int16)
SILENCE.flags.writeable = False


@dataclass(slots=True)
class StageTimestamps:
    """When one slice of sound passed each stage, in monotonic ns; each stage writes its own line."""

    arrived_ns: int  # its last sample came in
    queued_ns: int = 0  # all that its engine must hear was there
    begun_ns: int = 0  # the inference thread took it
    drawn_ns: int = 0  # its picture was made
    ready_ns: int = 0  # it stood in Buffer A
    held_back: bool = False  # it was not made sooner because Buffer A was full


@dataclass(frozen=True, slots=True)
class AudioSlice:
    """Exactly one slot of sound.

    ``pts`` counts slots since the session's first sample (time base 1/25) and is never rewritten.
    ``playout``: int16 (1920,) at 48 kHz. ``model``: float32 (640,) at 16 kHz, −1…1, the same 40 ms.
    ``last``: a flush ended here.
    """

    generation: int
    pts: int
    playout: Samples
    model: FloatArray
    silent: bool
    timestamps: StageTimestamps
    last: bool = False


@dataclass(frozen=True, slots=True)
class TalkingFrame:
    """One picture and the 40 ms of sound that belong to it, inseparable from the model to the tracks.

    ``image``: uint8 (height × 3/2, width), see ``app/i420.py``. ``audio``: int16 (1920,) at 48 kHz. ``emphasis``:
    how strongly the face speaks in it. The rest is its slice's.
    """

    @classmethod
    def of(cls, sound: AudioSlice, image: I420, emphasis: Emphasis = CALM) -> TalkingFrame:
        """Join a slice with the picture made for it."""
        return cls(
            generation=sound.generation,
            pts=sound.pts,
            image=image,
            audio=sound.playout,
            silent=sound.silent,
            timestamps=sound.timestamps,
            last=sound.last,
            emphasis=emphasis,
        )

    generation: int
    pts: int
    image: I420
    audio: Samples
    silent: bool
    timestamps: StageTimestamps
    last: bool = False
    emphasis: Emphasis = CALM

    @property
    def sent_ns(self) -> int:
        """Where its sound begins in the sender's, in ns since the session's first sample."""
        return self.pts * SLOT_NS
