"""A session's voice as Opus, for WebRTC, and as AAC, for RTMP."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import av
import numpy as np
from av import AudioFrame

from app.media import AUDIO_TIME_BASE, PACKET_MS, SAMPLE_RATE, SAMPLES_PER_PACKET, Samples
from app.rtc.subscription import Encoded

VoiceCodec = Literal["opus", "aac"]

OPUS_BITRATE = 48_000  # bit/s, mono: a voice at full bandwidth is transparent
OPUS_COMPLEXITY = 5  # of 10: 0.1 ms a packet instead of 0.25, at no loss that one could hear in a voice
AAC_BITRATE = 96_000  # bit/s, mono
AAC_FRAME_SAMPLES = 1024
AAC_LC_48K_MONO = b"\x11\x88"  # ISO 14496-3, AudioSpecificConfig: object type 2, rate index 3, one channel


class VoiceEncoder(Protocol):
    """Codes 20 ms at a time on the event loop: it takes less than handing them over would. Not thread-safe."""

    def encode(self, samples: Samples, number: int) -> list[Encoded]:
        """Code int16 (960,), 48 kHz, the packet with this number since the epoch; returns what is complete."""
        ...


def make_voice_encoder(codec: VoiceCodec) -> VoiceEncoder:
    """Make one."""
    return OpusEncoder() if codec == "opus" else AacEncoder()


class OpusEncoder:
    """One packet for every 20 ms, in 0.1 ms."""

    def __init__(self) -> None:
        codec: Any = av.CodecContext.create("libopus", "w")
        codec.bit_rate, codec.format, codec.layout = OPUS_BITRATE, "s16", "mono"
        codec.sample_rate, codec.time_base = SAMPLE_RATE, AUDIO_TIME_BASE
        codec.options = {
            "application": "audio",
            "frame_duration": str(PACKET_MS),
            "vbr": "on",
            "compression_level": str(OPUS_COMPLEXITY),
        }
        self._codec = codec

    def encode(self, samples: Samples, number: int) -> list[Encoded]:
        """See :class:`VoiceEncoder`."""
        return [self.encode_packet(samples, number)]

    def encode_packet(self, samples: Samples, number: int) -> Encoded:
        """Code int16 (960,), 48 kHz, the packet with this number since the epoch."""
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.time_base = SAMPLE_RATE, AUDIO_TIME_BASE
        frame.pts = number * SAMPLES_PER_PACKET
        data = b"".join(bytes(packet) for packet in self._codec.encode(frame))
        return Encoded(number * SAMPLES_PER_PACKET, data, key=True)


class AacEncoder:
    """AAC-LC in frames of 1024 samples, of which one or none is complete after 20 ms; 0.15 ms each.

    A frame's ``pts`` is that of the first sample that a decoder gives back for it: 1024 before the first that went in,
    as each frame is decoded with the one before it. What waits for the rest of its frame is 1023 samples at most; where
    packets are missing it is dropped, and the stream begins anew at its place.
    """

    def __init__(self) -> None:
        self._next_pts: int | None = None

    def encode(self, samples: Samples, number: int) -> list[Encoded]:
        """See :class:`VoiceEncoder`."""
        pts = number * SAMPLES_PER_PACKET
        if pts != self._next_pts:
            self._codec, self._waiting = self._opened(), np.zeros(0, np.float32)
        self._next_pts = pts + len(samples)
        self._waiting = np.concatenate((self._waiting, samples.astype(np.float32) / 32768))
        coded: list[Encoded] = []
        while len(self._waiting) >= AAC_FRAME_SAMPLES:
            whole, begins = self._waiting[:AAC_FRAME_SAMPLES], self._next_pts - len(self._waiting)
            self._waiting = self._waiting[AAC_FRAME_SAMPLES:]
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(whole.reshape(1, -1)), format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, AUDIO_TIME_BASE, begins
            coded += [Encoded(packet.pts, bytes(packet), key=True) for packet in self._codec.encode(frame)]
        return coded

    def _opened(self) -> Any:
        codec: Any = av.CodecContext.create("aac", "w")
        codec.bit_rate, codec.format, codec.layout = AAC_BITRATE, "fltp", "mono"
        codec.sample_rate, codec.time_base = SAMPLE_RATE, AUDIO_TIME_BASE
        codec.options = {"aac_coder": "fast"}
        return codec
