"""A received voice on its own time: decoded, and laid out by its RTP timestamps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from aiortc.codecs.opus import OpusDecoder
from aiortc.jitterbuffer import JitterFrame
from av import AudioFrame

from app.media import NS_PER_S, SAMPLE_RATE, SAMPLES_PER_PACKET, FloatArray
from bench.receiver import VoicePacket

STAMPS = 1 << 32  # RTP timestamps wrap around
LONGEST_S = 3600  # a stamp further ahead than this is not of this run


class Timeline:
    """A session's voice, decoded and laid out by its RTP timestamps; zero where a packet is missing."""

    def __init__(self, packets: Sequence[VoicePacket]) -> None:
        self._packets = {samples_ahead(packet.timestamp, packets[0].timestamp): packet for packet in packets}
        self._steady_ns = min(
            (packet.arrived_ns - samples_ns(start) for start, packet in self._packets.items()), default=0
        )
        self.samples = self._decoded()

    def arrival_ns(self, sample: int) -> int:
        """Return when the packet with a sample arrived; of a missing one, when it would have at its best."""
        packet = self._packets.get(sample - sample % SAMPLES_PER_PACKET)
        return packet.arrived_ns if packet else self._steady_ns + samples_ns(sample)

    def _decoded(self) -> FloatArray:
        end = max((start for start in self._packets if start < LONGEST_S * SAMPLE_RATE), default=0)
        samples = np.zeros(end + SAMPLES_PER_PACKET, np.float32)
        decoder = OpusDecoder()
        for start in sorted(start for start in self._packets if 0 <= start <= end):
            for frame in decoder.decode(JitterFrame(self._packets[start].payload, start)):
                assert isinstance(frame, AudioFrame)
                mono = frame.to_ndarray()[0, ::2]  # stereo, interleaved: the left
                room = samples[start : start + len(mono)]
                room[:] = mono[: len(room)].astype(np.float32) / 32_768
        return samples


def samples_ahead(timestamp: int, first: int) -> int:
    """Return how many samples an RTP timestamp lies after another; it wraps around."""
    return (timestamp - first + STAMPS // 2) % STAMPS - STAMPS // 2


def samples_ns(samples: int) -> int:
    """Return how long so many samples last, in ns."""
    return samples * NS_PER_S // SAMPLE_RATE
