"""An MP4 of packets as they were sent: H.264 and Opus, nothing coded again.

It grows by fragments, each of which can be played when the next one is lost; a clean end makes it a plain MP4 with one
index (``hybrid_fragmented``, FFmpeg 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import numpy as np

from app.media import (
    AUDIO_TIME_BASE,
    PACKET_MS,
    SAMPLE_RATE,
    SAMPLES_PER_PACKET,
    SLOT_MS,
    VIDEO_FPS,
    VIDEO_TICKS_PER_FRAME,
    VIDEO_TIME_BASE,
)
from app.rtc.recording.growing_file import GrowingFile
from app.rtc.subscription import Encoded
from app.rtc.voice_encoder import OpusEncoder

FRAGMENT_US = 500_000  # all that a killed process loses of what was muxed
MUXING = {
    "movflags": "+hybrid_fragmented+delay_moov",  # delayed, so that the first index knows where the streams begin
    "frag_duration": str(FRAGMENT_US),
    "max_interleave_delta": str(FRAGMENT_US),  # one stream waits no longer for the other
}
PRE_SKIP_AT = 10  # in Opus's header, 16 bits: samples that a decoder leaves out at the beginning


@dataclass(frozen=True, slots=True)
class Sample:
    """A packet of one of the two streams."""

    is_picture: bool
    encoded: Encoded


class Mp4File:
    """One recording's file. ``pts`` count from the session's epoch, which is where the file begins.
    ``tags`` are the container's own.

    A hole in the voice is filled with silence, as players would close it and the lips come late. A hole in the
    pictures is a picture that stands longer; the first one stands from the beginning. Not for several threads at a
    time; ``whole_bytes``, ``duration_ms`` and ``is_ending`` may be read by any.
    """

    def __init__(self, path: Path, width: int, height: int, tags: Mapping[str, str] = MappingProxyType({})) -> None:
        self._file = GrowingFile(path)
        self._container: Any = av.open(self._file, "w", format="mp4", options=MUXING)
        self._container.metadata.update(tags)
        self._pictures = self._container.add_mux_stream(
            "h264", rate=VIDEO_FPS, width=width, height=height, time_base=VIDEO_TIME_BASE
        )
        self._voice = self._container.add_stream("libopus", rate=SAMPLE_RATE, layout="mono")
        self._voice.codec_context.open()  # it codes nothing; it knows the header
        header = self._voice.codec_context.extradata
        assert header is not None
        self._pre_skip = int.from_bytes(header[PRE_SKIP_AT : PRE_SKIP_AT + 2], "little")
        self._silence = _silent_packet()
        self._slots = 0  # up to the end of the last picture
        self._packets = 0  # of voice, silence included
        self.is_ending = False  # no longer fragments alone, from the moment on that this is set

    @property
    def whole_bytes(self) -> int:
        """How much of it can be played by now."""
        return self._file.whole

    @property
    def duration_ms(self) -> int:
        """How long what was written is."""
        return max(self._slots * SLOT_MS, self._packets * PACKET_MS)

    def write(self, samples: Sequence[Sample]) -> None:
        """Append packets, each stream's in order.

        Raises:
            OSError: when the disk takes no more.
        """
        for sample in samples:
            if sample.is_picture:
                self._add_picture(sample.encoded)
            else:
                self._add_voice(sample.encoded)
        self._file.commit()
        if self._file.fault is not None:
            raise self._file.fault

    def close(self) -> int:
        """End it: a plain MP4, or, where the disk failed, its whole fragments. Returns its length in bytes.

        Raises:
            OSError: when the disk takes no more; the whole fragments are kept.
        """
        self.is_ending = True
        failed_before = self._file.fault is not None
        try:
            self._container.close()
        finally:
            length = self._file.finish()
        if self._file.fault is not None and not failed_before:
            raise self._file.fault
        return length

    def _add_picture(self, encoded: Encoded) -> None:
        slot = encoded.pts // VIDEO_TICKS_PER_FRAME
        pts = encoded.pts if self._slots else 0
        self._mux(self._pictures, encoded.data, pts, VIDEO_TICKS_PER_FRAME, encoded.key)
        self._slots = slot + 1

    def _add_voice(self, encoded: Encoded) -> None:
        number = encoded.pts // SAMPLES_PER_PACKET
        for missing in range(self._packets, number):
            self._add_sound(missing, self._silence)
        self._add_sound(number, encoded.data)
        self._packets = number + 1

    def _add_sound(self, number: int, data: bytes) -> None:
        # what a decoder makes of packet 0 begins with the coder's delay, so it lies that much before the epoch
        self._mux(self._voice, data, number * SAMPLES_PER_PACKET - self._pre_skip, SAMPLES_PER_PACKET, True)

    def _mux(self, stream: Any, data: bytes, pts: int, duration: int, key: bool) -> None:
        packet: Any = av.Packet(data)
        packet.stream = stream
        packet.time_base = VIDEO_TIME_BASE if stream is self._pictures else AUDIO_TIME_BASE
        packet.pts = packet.dts = pts
        packet.duration, packet.is_keyframe = duration, key
        self._container.mux_one(packet)


def _silent_packet() -> bytes:
    """Return 20 ms of silence, coded after silence."""
    coder, nothing = OpusEncoder(), np.zeros(SAMPLES_PER_PACKET, np.int16)
    return [coder.encode_packet(nothing, number).data for number in range(3)][-1]
