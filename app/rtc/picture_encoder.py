"""A session's pictures as H.264 or VP8: an encoder each, on one thread, with options chosen by measurement.

``bench encode`` compares them; the figures are in ``docs/performance.md``. Not for several threads at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import Any, Literal, Protocol

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from app.i420 import size_of
from app.media import I420, VIDEO_CLOCK_RATE, VIDEO_FPS, VIDEO_TICKS_PER_FRAME, VIDEO_TIME_BASE
from app.memory import map_ahead
from app.rtc.subscription import Encoded

PictureCodec = Literal["H264", "VP8"]

MIN_BITRATE = 150_000  # bit/s
NEVER = 1_000_000  # pictures between key frames that nobody asked for
FINEST = 18  # H.264's quantiser: a face that hardly moves needs no more, whatever the bit rate
LOWER, HIGHER = 0.8, 1.3  # of the bit rate in use: an estimate between them is no reason for VP8 to begin anew


class Effort(Enum):
    """How much a picture may cost."""

    USUAL = "usual"
    LEAST = "least"  # where a machine is full: more bits, or a little less sharp


H264_PRESETS = {Effort.USUAL: "superfast", Effort.LEAST: "ultrafast"}
VP8_FINEST = {Effort.USUAL: "6", Effort.LEAST: "8"}  # its quantiser; a coarser one makes fewer packets too
VP8_STATIC = {Effort.USUAL: "1000", Effort.LEAST: "2500"}  # a block that changed by less is not coded again


class PictureEncoder(Protocol):
    """One stream. It begins with a key frame."""

    @property
    def bitrate(self) -> int:
        """The bit rate aimed at, bit/s."""
        ...

    def encode(self, picture: I420, slot: int, key: bool) -> Encoded:
        """Code a picture; ``key`` asks for a key frame. Picture sizes may change, with a key frame."""
        ...

    def aim_at(self, bitrate: int) -> None:
        """Take another bit rate, bit/s; H.264 does so without a key frame, VP8 only where it is much another."""
        ...


def make_encoder(codec: PictureCodec, bitrate: int, most_bitrate: int, effort: Effort) -> PictureEncoder:
    """Make one that aims at ``bitrate`` and never exceeds ``most_bitrate``, bit/s."""
    return _H264(bitrate, most_bitrate, effort) if codec == "H264" else _Vp8(bitrate, most_bitrate, effort)


class _Encoder(ABC):
    """What both codecs share: a context opened with the first picture."""

    library: str
    bytes_a_pixel: int  # of its own memory, at the most

    def __init__(self, bitrate: int, most_bitrate: int, effort: Effort) -> None:
        self.most_bitrate, self.effort = most_bitrate, effort
        self.bitrate = self._within(bitrate)
        self._context: VideoCodecContext | None = None

    def encode(self, picture: I420, slot: int, key: bool) -> Encoded:
        """See :class:`PictureEncoder`."""
        size = size_of(picture)
        if self._context is None or (self._context.width, self._context.height) != size:
            self._context = self._opened(*size)
        frame = _frame_of(picture)
        frame.pts, frame.time_base = slot * VIDEO_TICKS_PER_FRAME, VIDEO_TIME_BASE
        frame.pict_type = PictureType.I if key else PictureType.NONE
        packets = self._context.encode(frame)
        data = b"".join(bytes(packet) for packet in packets)
        return Encoded(slot * VIDEO_TICKS_PER_FRAME, data, any(packet.is_keyframe for packet in packets))

    @abstractmethod
    def aim_at(self, bitrate: int) -> None:
        """See :class:`PictureEncoder`."""

    @abstractmethod
    def _options(self) -> dict[str, str]: ...

    def _opened(self, width: int, height: int) -> VideoCodecContext:
        map_ahead(self.bytes_a_pixel * width * height)
        context: Any = av.CodecContext.create(self.library, "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.framerate, context.time_base = VIDEO_FPS, VIDEO_TIME_BASE
        context.bit_rate, context.gop_size, context.thread_count = self.bitrate, NEVER, 1
        context.options = self._options()
        return context  # type: ignore[no-any-return]

    def _within(self, bitrate: int) -> int:
        return max(MIN_BITRATE, min(bitrate, self.most_bitrate))


def _frame_of(picture: I420) -> av.VideoFrame:
    """Wrap a picture without a copy where PyAV can; it takes a height for one that four divides."""
    if size_of(picture)[1] % 4:
        return av.VideoFrame.from_ndarray(picture, format="yuv420p")
    return av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture), format="yuv420p")


class _H264(_Encoder):
    """libx264, constrained baseline, without delay."""

    library = "libx264"
    bytes_a_pixel = 28

    def aim_at(self, bitrate: int) -> None:
        self.bitrate = self._within(bitrate)
        if self._context is not None:
            self._context.bit_rate = self.bitrate  # libavcodec hands it on with the next picture

    def _options(self) -> dict[str, str]:
        return {
            "preset": H264_PRESETS[self.effort],
            "tune": "zerolatency",
            "profile": "baseline",
            "forced-idr": "1",
            "qmin": str(FINEST),
            "maxrate": str(self.most_bitrate),
            "bufsize": str(self.most_bitrate // 2),
        }


class _Vp8(_Encoder):
    """libvpx in its real-time mode. Through libavcodec it takes another bit rate only by beginning anew."""

    library = "libvpx"
    bytes_a_pixel = 36

    def aim_at(self, bitrate: int) -> None:
        bitrate = self._within(bitrate)
        if not LOWER * self.bitrate <= bitrate <= HIGHER * self.bitrate:
            self.bitrate, self._context = bitrate, None

    def _options(self) -> dict[str, str]:
        return {
            "deadline": "realtime",
            "cpu-used": "-8",  # faster ones cost no less here, and more bits
            "lag-in-frames": "0",
            "error-resilient": "default",
            "noise-sensitivity": "0",  # there is no noise in a drawn picture
            "static-thresh": VP8_STATIC[self.effort],
            "qmin": VP8_FINEST[self.effort],
            "qmax": "56",
            "undershoot-pct": "100",
            "overshoot-pct": "15",
            "maxrate": str(self.most_bitrate),
            "bufsize": str(self.most_bitrate),
        }


assert VIDEO_TICKS_PER_FRAME * VIDEO_FPS == VIDEO_CLOCK_RATE
