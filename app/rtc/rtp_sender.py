"""One stream to one peer, in the place of aiortc's own sender: no task, no queue and no copy for each viewer."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pylibsrtp
from aiortc import RTCRtpSender, RTCRtpTransceiver
from aiortc.codecs import is_rtx
from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from aiortc.rtcrtpparameters import RTCRtpSendParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    unpack_remb_fci,
)
from aiortc.stats import RTCStatsReport

from app.clock import Epoch
from app.rtc.congestion import Congestion
from app.rtc.packetizer import Packetizer
from app.rtc.rtp_header import FIXED, MARKER, Extensions
from app.rtc.sender_clock import SenderReports, ntp_of
from app.rtc.subscription import Encoded, Subscriber

logger = logging.getLogger(__name__)

WAITING_HIGH = 256 * 1024  # bytes: a second of the best pictures
HISTORY = 512  # packets, of which a peer may ask for lost ones again: a second, a key frame included
FIRST_HALF = 1 << 15  # where numbers begin, so that none wraps around before the first is deciphered
REPORT_S = 1.0  # between reports, give or take a half


@dataclass(frozen=True, slots=True)
class Feed:
    """Where a stream's packets come from. ``begin`` makes it one of those who take them, ``end`` no longer."""

    begin: Callable[[Subscriber], Packetizer]
    end: Callable[[Subscriber], None]
    want_key: Callable[[Subscriber], None]
    time_base: Fraction
    epoch: Epoch


class RtpSender:
    """Writes what was coded and cut once for all to one peer, as it comes: header, encryption, socket.

    aiortc's has two tasks a stream and takes 5.8 ms of processor time a second and viewer (``bench whep``); this takes
    2.3, most of it the kernel's. It subscribes to a broadcast once the connection is up.

    Bound: 256 KiB that the socket has not taken yet. Full: pictures and sounds are dropped and counted, and a key frame
    is asked for; so a slow peer hurts only itself. The last 512 packets can be sent again. Made for the pinned aiortc,
    whose sender it replaces: ``tests/e2e/test_over_webrtc.py`` fails where that moves. All on the event loop.
    """

    _enabled = True  # aiortc sets it

    def __init__(self, replaced: RTCRtpSender, feed: Feed) -> None:
        self._feed, self._replaced = feed, replaced
        self._ssrc, self._rtx_ssrc = replaced._ssrc, replaced._rtx_ssrc
        self._stream_id, self._track_id = replaced._stream_id, replaced._track_id
        self.kind, self.track = replaced.kind, None
        self._transport: RTCDtlsTransport = replaced.transport
        self._started = self._ended = False
        self._broken = True  # what came before the first key frame, or follows a gap, cannot be decoded
        self._begun = False
        self.dropped = 0
        self._line = Congestion()
        self._sequence, self._rtx_sequence = random.randrange(FIRST_HALF), random.randrange(FIRST_HALF)
        self._origin = random.randrange(1 << 32)  # the timestamp of the epoch
        self._history: list[tuple[int, bytes, bytes] | None] = [None] * HISTORY
        self._packets = self._octets = self._last_pts = 0
        self._reporting: asyncio.Task[None] | None = None

    @classmethod
    def put_into(cls, transceiver: RTCRtpTransceiver, feed: Feed) -> RtpSender:
        """Make one in the place of a transceiver's own."""
        sender = cls(transceiver.sender, feed)
        transceiver._RTCRtpTransceiver__sender = sender  # type: ignore[attr-defined]
        return sender

    # what the broadcast asks for

    @property
    def target_bitrate(self) -> int | None:
        """See :class:`Subscriber`."""
        return self._line.estimate

    @property
    def congested(self) -> bool:
        """See :class:`Subscriber`."""
        return self._line.congested

    def put(self, encoded: Encoded) -> None:
        """Send a picture or sound; never waits."""
        if self._broken and not encoded.key:
            self.dropped += self._begun
            return
        path = self._transport.transport._connection._nominated.get(1)
        if path is None or self._transport._state is not State.CONNECTED or _waiting(path) > WAITING_HIGH:
            self._lose()
            return
        try:
            self._write(encoded, path.protocol.transport.sendto, path.remote_addr)
        except (OSError, pylibsrtp.Error) as error:  # the socket's or the cipher's, and of no concern to others
            logger.warning("viewer: %s could not be sent (%s)", self.kind, error)
            self._lose()
            return
        self._broken = False
        if not self._begun:
            self._begun = True
            self._report()

    def _lose(self) -> None:
        self.dropped += 1
        self._broken = True
        self._feed.want_key(self)

    # what aiortc asks for

    @property
    def transport(self) -> RTCDtlsTransport:
        """See :class:`RTCRtpSender`."""
        return self._transport

    def setTransport(self, transport: RTCDtlsTransport) -> None:
        """See :class:`RTCRtpSender`."""
        self._transport = transport

    async def getStats(self) -> RTCStatsReport:
        """See :class:`RTCRtpSender`."""
        return RTCStatsReport()

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """See :class:`RTCRtpSender`; the connection is up."""
        if self._started or self._ended:
            return
        self._started = True
        codec = parameters.codecs[0]
        assert codec.payloadType is not None
        self._payload_type = codec.payloadType
        self._reports = SenderReports(self._ssrc, parameters.rtcp.cname or "")
        again = (each for each in parameters.codecs if is_rtx(each) and each.parameters["apt"] == codec.payloadType)
        self._rtx_payload_type: int | None = next((each.payloadType for each in again), None)
        self._extensions = Extensions(parameters)
        self._transport._register_rtp_sender(self, parameters)
        self._packetizer = self._feed.begin(self)
        self._reporting = asyncio.create_task(self._report_often(), name=f"{self.kind} reports")

    async def stop(self) -> None:
        """See :class:`RTCRtpSender`; again is fine."""
        self.end()
        if self._reporting is None:
            return
        reporting, self._reporting = self._reporting, None
        self._transport._unregister_rtp_sender(self)
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        self._send_rtcp(bytes(RtcpByePacket(sources=[self._ssrc])))

    def end(self) -> None:
        """Take no more from the broadcast; again is fine."""
        if self._started and not self._ended:
            self._feed.end(self)
        self._ended = True

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            for number in packet.lost:
                self._send_again(number)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            self._feed.want_key(self)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            self._take_estimate(packet.fci)
        elif isinstance(packet, RtcpRrPacket):
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    self._line.note_loss(report.fraction_lost / 256)

    def _take_estimate(self, fci: bytes) -> None:
        try:
            bitrate, ssrcs = unpack_remb_fci(fci)
        except ValueError:  # another application's
            return
        if self._ssrc in ssrcs:
            self._line.note_estimate(bitrate)

    # on the wire

    def _write(self, encoded: Encoded, send: Callable[[bytes, Any], None], address: Any) -> None:
        payloads, extensions = self._packetizer.payloads(encoded), self._extensions.write()
        timestamp = (self._origin + encoded.pts) & 0xFFFFFFFF
        protect, flags, history = self._transport._tx_srtp.protect, self._extensions.flags, self._history
        last = payloads[-1]
        for payload in payloads:
            marked = self._payload_type | (MARKER if payload is last else 0)
            header = FIXED.pack(flags, marked, self._sequence, timestamp, self._ssrc) + extensions
            history[self._sequence % HISTORY] = (self._sequence, header, payload)
            send(protect(header + payload), address)
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._octets += len(payload)
        self._packets += len(payloads)
        self._last_pts = encoded.pts

    def _send_again(self, number: int) -> None:
        """Repeat a packet, in the stream for that where there is one (RFC 4588)."""
        kept = self._history[number % HISTORY]
        if kept is None or kept[0] != number:
            return
        _, header, payload = kept
        if (payload_type := self._rtx_payload_type) is not None:
            flags, marked, _, timestamp, _ = FIXED.unpack_from(header)
            marked = marked & MARKER | payload_type
            again = FIXED.pack(flags, marked, self._rtx_sequence, timestamp, self._rtx_ssrc)
            header = again + header[FIXED.size :] + number.to_bytes(2, "big")
            self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        self._send(self._transport._tx_srtp.protect(header + payload))

    async def _report_often(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S * random.uniform(0.5, 1.5))
            if self._begun:
                self._report()

    def _report(self) -> None:
        ntp = ntp_of(self._last_pts * self._feed.time_base, self._feed.epoch.ntp)
        timestamp = (self._origin + self._last_pts) & 0xFFFFFFFF
        self._send_rtcp(self._reports.write(ntp, timestamp, self._packets, self._octets))

    def _send_rtcp(self, packet: bytes) -> None:
        if self._transport._state is State.CONNECTED:
            self._send(self._transport._tx_srtp.protect_rtcp(packet))

    def _send(self, packet: bytes) -> None:
        path = self._transport.transport._connection._nominated.get(1)
        if path is not None and _waiting(path) <= WAITING_HIGH:
            path.protocol.transport.sendto(packet, path.remote_addr)


def _waiting(path: Any) -> int:
    """Return how many bytes a path's socket has not taken; over TURN, that of the relay's connection."""
    transport = path.protocol.transport
    relay = getattr(transport, "_TurnTransport__inner_protocol", None)
    size: int = (transport if relay is None else relay.transport).get_write_buffer_size()
    return size
