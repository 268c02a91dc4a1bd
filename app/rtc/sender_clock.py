"""Sender reports on the media clock.

A browser aligns voice and picture by pairs of an RTP timestamp and a wall-clock time. Paired with the time of sending,
as is usual, a voice that leaves early would play early for good. Here both streams' reports pair the timestamp with the
time at which that sample or picture is due on the session's one epoch; then whatever leads on the wire still meets in
the browser.
"""

from __future__ import annotations

from fractions import Fraction
from struct import Struct

from aiortc.rtp import RTCP_SR, RtcpSdesPacket, RtcpSourceInfo

from app.clock import NTP_FRACTION

VERSION, REPORT_WORDS = 0x80, 6
REPORT = Struct("!BBHIQIII")
CNAME = 1  # RFC 3550: this item says whose streams belong together


def ntp_of(media_time_s: Fraction, epoch_ntp: int) -> int:
    """Return the 64-bit NTP time at which a moment of media time is due, given the epoch's."""
    return epoch_ntp + int(media_time_s * NTP_FRACTION)


class SenderReports:
    """Writes what is said of one stream from time to time: RFC 3550's report, and whose stream it is."""

    def __init__(self, ssrc: int, cname: str) -> None:
        self._ssrc = ssrc
        self._whose = bytes(RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=ssrc, items=[(CNAME, cname.encode())])]))

    def write(self, ntp: int, timestamp: int, packets: int, octets: int) -> bytes:
        """Return a report: at ``ntp`` the media are at an RTP timestamp; so many packets and bytes were sent."""
        counts = packets & 0xFFFFFFFF, octets & 0xFFFFFFFF
        return REPORT.pack(VERSION, RTCP_SR, REPORT_WORDS, self._ssrc, ntp, timestamp, *counts) + self._whose
