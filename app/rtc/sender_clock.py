"""Sender reports on the media clock.

aiortc pairs a packet's RTP timestamp with the wall-clock time at which it happened to be sent. A browser
aligns voice and picture by those pairs, so a voice that leaves early would play early for good. Here both
tracks' reports pair the timestamp with the time at which that sample or picture is due on the session's one
epoch; then whatever leads on the wire still meets in the browser.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

from aiortc import RTCRtpSender
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket

from app.clock import NTP_FRACTION, Epoch

RTP_MODULUS = 1 << 32


class PtsTrack(Protocol):
    """A track that remembers the pts of the frame it gave last, in its RTP clock's ticks since the epoch."""

    last_pts: int


def ntp_of(media_time_s: Fraction, epoch_ntp: int) -> int:
    """Return the 64-bit NTP time at which a moment of media time is due, given the epoch's."""
    return epoch_ntp + int(media_time_s * NTP_FRACTION)


class MediaClockReports:
    """Rewrites one sender's reports.

    aiortc offers no hook for this, so two of the sender's methods are wrapped on the instance:
    ``_next_encoded_frame``, to learn which RTP timestamp stands for which pts, and ``_send_rtcp``, through
    which every report leaves. Made for the pinned aiortc; ``tests/e2e/test_over_webrtc.py`` fails if they move.
    """

    def __init__(self, sender: RTCRtpSender, track: PtsTrack, time_base: Fraction, epoch: Epoch) -> None:
        self._sender, self._track = sender, track
        self._time_base, self._epoch = time_base, epoch
        self._previous: int | None = None  # the last encoded frame's timestamp, before aiortc's random offset
        self._pts_offset = 0
        self._rtp_offset: int | None = None
        self._encode, self._send = sender._next_encoded_frame, sender._send_rtcp
        sender._next_encoded_frame = self._next_encoded_frame  # type: ignore[method-assign]
        sender._send_rtcp = self._send_rtcp  # type: ignore[method-assign]

    def media_time(self, rtp_timestamp: int) -> Fraction | None:
        """Return the seconds since the epoch that a recent RTP timestamp stands for; None before the second frame."""
        if self._rtp_offset is None or self._previous is None:
            return None
        ahead = (rtp_timestamp - self._rtp_offset - self._previous) % RTP_MODULUS
        if ahead >= RTP_MODULUS // 2:
            ahead -= RTP_MODULUS
        return (self._previous + ahead + self._pts_offset) * self._time_base

    async def _next_encoded_frame(self, codec: RTCRtpCodecParameters) -> RTCEncodedFrame | None:
        if self._previous is not None and self._rtp_offset is None:
            sent = self._sender._RTCRtpSender__rtp_timestamp  # type: ignore[attr-defined]
            self._rtp_offset = (sent - self._previous) % RTP_MODULUS
        encoded = await self._encode(codec)
        if encoded is not None:
            if self._previous is None:
                self._pts_offset = self._track.last_pts - encoded.timestamp
            self._previous = encoded.timestamp
        return encoded

    async def _send_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        kept: list[AnyRtcpPacket] = []
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and not self._rewrite(packet):
                return  # nothing true can be said yet; the next report comes within 1.5 s
            kept.append(packet)
        await self._send(kept)

    def _rewrite(self, report: RtcpSrPacket) -> bool:
        time_s = self.media_time(report.sender_info.rtp_timestamp)
        if time_s is None:
            return False
        ntp = ntp_of(time_s, self._epoch.ntp)
        report.sender_info.ntp_timestamp = ntp
        # aiortc measures the round trip by the report it believes it sent
        self._sender._RTCRtpSender__lsr = (ntp >> 16) & 0xFFFFFFFF  # type: ignore[attr-defined]
        return True
