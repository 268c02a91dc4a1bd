"""The two tracks that aiortc reads: nothing leaves before its time."""

from __future__ import annotations

from collections.abc import Callable

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from app.media import (
    AUDIO_TIME_BASE,
    I420,
    PACKET_NS,
    SAMPLE_RATE,
    SAMPLES_PER_PACKET,
    VIDEO_TICKS_PER_FRAME,
    VIDEO_TIME_BASE,
)
from app.pacer.clock import Clock, SlotClock
from app.pacer.resting import OrderedPicture
from app.rtc.playout_feed import PlayoutFeed, take_when_due


class VoiceTrack(MediaStreamTrack):
    """Sound in frames of exactly 20 ms (960 samples), one RTP packet each.

    Longer frames would be split into packets that share one timestamp, of which browsers throw half away.
    """

    kind = "audio"

    def __init__(self, feed: PlayoutFeed, slots: Callable[[], SlotClock], clock: Clock) -> None:
        super().__init__()
        self._feed, self._slots, self._clock = feed, slots, clock
        self.last_pts = 0

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms at their time. ``pts`` counts samples since the epoch, time base 1/48000."""
        if self.readyState != "live":
            raise MediaStreamError
        packet = await take_when_due(
            self._feed.voice, lambda packet: self._slots().epoch_ns + packet.number * PACKET_NS, self._clock
        )
        frame = AudioFrame.from_ndarray(packet.samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = AUDIO_TIME_BASE
        frame.pts = self.last_pts = packet.number * SAMPLES_PER_PACKET
        return frame


class PictureTrack(MediaStreamTrack):
    """Pictures at 25 frames a second, each ``lead_ns`` after the start of its sound."""

    kind = "video"

    def __init__(self, feed: PlayoutFeed, slots: Callable[[], SlotClock], clock: Clock, lead_ns: int) -> None:
        super().__init__()
        self._feed, self._slots, self._clock, self._lead_ns = feed, slots, clock, lead_ns
        self.last_pts = 0
        self.sent = 0
        self._shown: I420 | None = None

    async def recv(self) -> VideoFrame:
        """Return the next picture at its time. ``pts`` counts from the epoch, time base 1/90000."""
        if self.readyState != "live":
            raise MediaStreamError
        played = await take_when_due(
            self._feed.pictures, lambda played: self._slots().due_ns(played.slot) + self._lead_ns, self._clock
        )
        image = played.image
        self._shown = await image.ready(self._shown) if isinstance(image, OrderedPicture) else image
        frame = VideoFrame.from_ndarray(self._shown, format="yuv420p")
        frame.time_base = VIDEO_TIME_BASE
        frame.pts = self.last_pts = played.slot * VIDEO_TICKS_PER_FRAME
        self.sent += 1
        return frame
