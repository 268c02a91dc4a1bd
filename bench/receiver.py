"""A viewer that is as cheap as can be: it notes every packet, and decodes, reorders and asks for nothing.

Packets are taken where a datagram comes in, before aiortc's own way through a queue, a jitter buffer and a decoder.
Connecting, consent, sender reports and receiver reports remain aiortc's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from struct import unpack_from
from typing import Any

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtpPacket, pack_remb_fci

ESTIMATE_BPS = 10_000_000  # what a browser on a good line arrives at: the sender's own cap decides
ESTIMATE_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class VoicePacket:
    """20 ms of Opus, as they came."""

    arrived_ns: int
    timestamp: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class PicturePacket:
    """A piece of a picture. ``key_frame`` is known of the first piece alone."""

    arrived_ns: int
    timestamp: int
    marker: bool
    size: int
    key_frame: bool = False


class Receiver:
    """One peer connection that receives. ``offer``, ``accept``, then ``aclose``."""

    def __init__(self) -> None:
        self.voice: list[VoicePacket] = []
        self.pictures: list[PicturePacket] = []
        self.connected = asyncio.Event()
        self.lost = asyncio.Event()
        self._connection = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._connection.on("connectionstatechange", self._note_state)
        self._readers: dict[int, Callable[[bytes, int, int, bool], None]] = {}  # by payload type
        self._statistics: dict[int, StreamStatistics] = {}  # by SSRC
        self._receivers: dict[int, Any] = {}  # by payload type
        self._estimates: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        """Return the offer; from here on packets are noted."""
        for kind in ("audio", "video"):
            self._connection.addTransceiver(kind, direction="recvonly")
        await self._connection.setLocalDescription(await self._connection.createOffer())
        self._dtls: Any = self._connection.getReceivers()[0].transport
        ice: Any = self._dtls.transport._connection
        self._pass_on, ice.data_received = ice.data_received, self._take
        return str(self._connection.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """Take the answer."""
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        for transceiver in self._connection.getTransceivers():
            read = self._read_voice if transceiver.kind == "audio" else self._read_picture
            codecs: list[Any] = transceiver._codecs
            for codec in codecs:
                self._readers[codec.payloadType] = read
                self._receivers[codec.payloadType] = transceiver.receiver
        self._estimates = asyncio.create_task(self._send_estimates())

    async def aclose(self) -> None:
        """Close the connection."""
        if self._estimates is not None:
            self._estimates.cancel()
            await asyncio.gather(self._estimates, return_exceptions=True)
        await self._connection.close()

    def _note_state(self) -> None:
        if self._connection.connectionState == "connected":
            self.connected.set()
        elif self._connection.connectionState in ("failed", "closed"):
            self.lost.set()

    def _take(self, data: bytes, component: int) -> None:
        """Note an RTP packet; pass on what else comes (RFC 5764, RFC 5761)."""
        if not (127 < data[0] < 192) or 192 <= data[1] < 224 or len(data) < 12:
            self._pass_on(data, component)
            return
        arrived_ns = time.monotonic_ns()
        payload_type = data[1] & 0x7F
        read = self._readers.get(payload_type)
        if read is None or self._dtls._rx_srtp is None:
            return
        _, _, sequence_number, timestamp, ssrc = unpack_from("!BBHII", data)
        statistics = self._statistics.get(ssrc)
        if statistics is None:
            statistics = self._begin(payload_type, ssrc)
        statistics.add(RtpPacket(sequence_number=sequence_number, timestamp=timestamp))
        read(data, arrived_ns, timestamp, bool(data[1] & 0x80))

    def _begin(self, payload_type: int, ssrc: int) -> StreamStatistics:
        """Begin to count a stream; aiortc reports what is in this table."""
        receiver = self._receivers[payload_type]
        statistics = StreamStatistics(90_000 if receiver.track.kind == "video" else 48_000)
        receiver._RTCRtpReceiver__remote_streams[ssrc] = self._statistics[ssrc] = statistics
        return statistics

    def _read_voice(self, data: bytes, arrived_ns: int, timestamp: int, marker: bool) -> None:
        payload = self._payload(data)
        if payload:
            self.voice.append(VoicePacket(arrived_ns, timestamp, payload))

    def _read_picture(self, data: bytes, arrived_ns: int, timestamp: int, marker: bool) -> None:
        first = not self.pictures or self.pictures[-1].timestamp != timestamp
        key_frame = first and _is_key_frame(self._payload(data))  # of the others nothing is deciphered
        self.pictures.append(PicturePacket(arrived_ns, timestamp, marker, len(data), key_frame))

    def _payload(self, data: bytes) -> bytes:
        """Return a packet's deciphered content (RFC 3550)."""
        plain: bytes = self._dtls._rx_srtp.unprotect(data)
        start = 12 + 4 * (plain[0] & 0x0F)
        if plain[0] & 0x10:
            start += 4 + 4 * int(unpack_from("!H", plain, start + 2)[0])
        padding = plain[-1] if plain[0] & 0x20 else 0
        return plain[start : len(plain) - padding]

    async def _send_estimates(self) -> None:
        """Say that the line is good, as a browser would."""
        while True:
            await asyncio.sleep(ESTIMATE_INTERVAL_S)
            for ssrc, statistics in self._statistics.items():
                receiver = next(each for each in self._receivers.values() if self._counts(each, ssrc, statistics))
                own: int | None = receiver._RTCRtpReceiver__rtcp_ssrc
                if receiver.track.kind == "video" and own is not None:
                    fci = pack_remb_fci(ESTIMATE_BPS, [ssrc])
                    estimate = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own, media_ssrc=0, fci=fci)
                    with contextlib.suppress(ConnectionError):
                        await receiver._send_rtcp(estimate)

    @staticmethod
    def _counts(receiver: Any, ssrc: int, statistics: StreamStatistics) -> bool:
        return receiver._RTCRtpReceiver__remote_streams.get(ssrc) is statistics


def _is_key_frame(payload: bytes) -> bool:
    """Whether a VP8 picture that begins here is a key frame (RFC 7741: the first bit is its inverse)."""
    try:
        descriptor, frame = VpxPayloadDescriptor.parse(payload)
    except ValueError:
        return False
    return bool(descriptor.partition_start == 1 and descriptor.partition_id == 0 and frame and not frame[0] & 1)
