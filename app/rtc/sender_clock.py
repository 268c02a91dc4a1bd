"""Sender reports on the media clock.

A browser aligns voice and picture by pairs of an RTP timestamp and a wall-clock time. Paired with the time of sending,
as is usual, a voice that leaves early would play early for good. Here both streams' reports pair the timestamp with the
time at which that sample or picture is due on the session's one epoch; then whatever leads on the wire still meets in
the browser.
"""

from __future__ import annotations

from fractions import Fraction

from aiortc.rtp import RtcpSdesPacket, RtcpSenderInfo, RtcpSourceInfo, RtcpSrPacket

from app.clock import NTP_FRACTION

CNAME = 1  # RFC 3550: this item says whose streams belong together


def ntp_of(media_time_s: Fraction, epoch_ntp: int) -> int:
    """Return the 64-bit NTP time at which a moment of media time is due, given the epoch's."""
    return epoch_ntp + int(media_time_s * NTP_FRACTION)


def sender_report(ssrc: int, cname: str, info: RtcpSenderInfo) -> bytes:
    """Write what is said of a stream from time to time."""
    whose = RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=ssrc, items=[(CNAME, cname.encode())])])
    return bytes(RtcpSrPacket(ssrc=ssrc, sender_info=info)) + bytes(whose)
