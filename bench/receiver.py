"""A viewer that is as cheap as can be: it notes what comes, and decodes, reorders and asks for nothing.

RTP is taken where a datagram comes in, before aiortc's own way through a queue, a jitter buffer and a decoder.
Connecting, consent, sender reports and receiver reports remain aiortc's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Any, Protocol

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtcpSrPacket, pack_remb_fci

ESTIMATE_BPS = 10_000_000  # what a browser on a good line arrives at: the sender's own cap decides
ESTIMATE_INTERVAL_S = 1.0
HEADER = Struct("!BBHII")  # RFC 3550: flags, marker and payload type, sequence number, timestamp, SSRC
EXTENSION_HEADER = Struct("!HH")
CLOCK_RATES = {"audio": 48_000, "video": 90_000}


@dataclass(slots=True)
class VoicePacket:
    """20 ms of Opus, as they came."""

    arrived_ns: int
    timestamp: int
    payload: bytes


@dataclass(slots=True)
class Picture:
    """One picture: when its first and its latest packet came, and how many bytes it had on the wire."""

    began_ns: int
    timestamp: int
    key_frame: bool
    arrived_ns: int = 0
    size: int = 0


class Counted(StreamStatistics):
    """What aiortc's receiver reports say of a stream, without its jitter."""

    def count(self, sequence_number: int) -> None:
        """Note a packet; loopback keeps their order."""
        self.packets_received += 1
        if self.max_seq is None:
            self.base_seq = sequence_number
        elif sequence_number < self.max_seq:
            self.cycles += 1 << 16
        self.max_seq = sequence_number


class Eye(Protocol):
    """Who looks at what comes of the pictures."""

    def see(self, payload: bytes, timestamp: int, ends: bool) -> None:
        """Take a packet's content, in order; ``ends``: it is its picture's last."""
        ...


class Receiver:
    """One peer connection that receives. ``offer``, ``accept``, then ``aclose``.

    ``on_report`` is told of each sender report: the kind of media, its NTP time and its RTP timestamp.
    """

    def __init__(self, eye: Eye | None = None, on_report: Callable[[str, int, int], None] | None = None) -> None:
        self._eye, self._on_report = eye, on_report
        self.voice: list[VoicePacket] = []
        self.pictures: list[Picture] = []
        self.connected = asyncio.Event()
        self._connection = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._connection.on("connectionstatechange", self._note_state)
        self._receivers: dict[int, Any] = {}  # by payload type
        self._counted: dict[int, Counted] = {}  # by SSRC
        self._estimates: asyncio.Task[None] | None = None
        self._protocols: list[Any] = []

    async def offer(self) -> str:
        """Return the offer; from here on packets are noted."""
        for kind in CLOCK_RATES:
            self._connection.addTransceiver(kind, direction="recvonly")
        await self._connection.setLocalDescription(await self._connection.createOffer())
        self._dtls: Any = self._connection.getReceivers()[0].transport
        self._protocols = list(self._dtls.transport._connection._protocols)
        for protocol in self._protocols:
            protocol.datagram_received = self._taking(protocol.datagram_received)
        return str(self._connection.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """Take the answer."""
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        for transceiver in self._connection.getTransceivers():
            codecs: list[Any] = transceiver._codecs
            self._receivers.update({codec.payloadType: transceiver.receiver for codec in codecs})
            if self._on_report is not None:
                self._listen_for_reports(transceiver.receiver, self._on_report)
        self._estimates = asyncio.create_task(self._send_estimates())

    @property
    def lost_packets(self) -> int:
        """Return how many packets were sent and did not come, by their sequence numbers."""
        return sum(counted.packets_lost for counted in self._counted.values())

    async def aclose(self) -> None:
        """Close the connection."""
        if self._estimates is not None:
            self._estimates.cancel()
            await asyncio.gather(self._estimates, return_exceptions=True)
        await self._connection.close()

    def vanish(self) -> None:
        """Close the sockets without a word, as a process that is killed does; :meth:`aclose` comes all the same."""
        for protocol in self._protocols:
            protocol.transport.abort()

    @staticmethod
    def _listen_for_reports(receiver: Any, on_report: Callable[[str, int, int], None]) -> None:
        pass_on, kind = receiver._handle_rtcp_packet, receiver.track.kind

        async def take(packet: Any) -> None:
            if isinstance(packet, RtcpSrPacket):
                on_report(kind, packet.sender_info.ntp_timestamp, packet.sender_info.rtp_timestamp)
            await pass_on(packet)

        receiver._handle_rtcp_packet = take

    def _note_state(self) -> None:
        if self._connection.connectionState == "connected":
            self.connected.set()

    def _taking(self, pass_on: Callable[[bytes, Any], None]) -> Callable[[bytes, Any], None]:
        """Return what notes an RTP packet and passes on what else comes (RFC 5761, RFC 7983)."""

        def take(data: bytes, address: Any) -> None:
            if not 127 < data[0] < 192 or 191 < data[1] < 224 or len(data) < HEADER.size:
                pass_on(data, address)
            elif self._dtls._rx_srtp is not None:
                self._note(data, time.monotonic_ns())

        return take

    def _note(self, data: bytes, arrived_ns: int) -> None:
        _, payload_type, sequence_number, timestamp, ssrc = HEADER.unpack_from(data)
        counted = self._counted.get(ssrc) or self._begin(payload_type & 0x7F, ssrc)
        if counted is None:
            return
        counted.count(sequence_number)
        if counted._clockrate == CLOCK_RATES["audio"]:
            if payload := self._payload(data):
                self.voice.append(VoicePacket(arrived_ns, timestamp, payload))
            return
        picture = self.pictures[-1] if self.pictures else None
        begins = picture is None or picture.timestamp != timestamp
        payload = self._payload(data) if begins or self._eye else b""  # without an eye, of the first packet alone
        if picture is None or begins:
            picture = Picture(arrived_ns, timestamp, _is_key_frame(payload))
            self.pictures.append(picture)
        if self._eye is not None:
            self._eye.see(payload, timestamp, bool(data[1] & 0x80))
        picture.arrived_ns = arrived_ns
        picture.size += len(data)

    def _begin(self, payload_type: int, ssrc: int) -> Counted | None:
        """Begin to count a stream; aiortc reports what is in this table."""
        receiver = self._receivers.get(payload_type)
        if receiver is None:
            return None
        counted = Counted(CLOCK_RATES[receiver.track.kind])
        receiver._RTCRtpReceiver__remote_streams[ssrc] = self._counted[ssrc] = counted
        return counted

    def _payload(self, data: bytes) -> bytes:
        """Return a packet's deciphered content (RFC 3550)."""
        plain: bytes = self._dtls._rx_srtp.unprotect(data)
        start = HEADER.size + 4 * (plain[0] & 0x0F)
        if plain[0] & 0x10:
            _, words = EXTENSION_HEADER.unpack_from(plain, start)
            start += EXTENSION_HEADER.size + 4 * words
        padding = plain[-1] if plain[0] & 0x20 else 0
        return plain[start : len(plain) - padding]

    async def _send_estimates(self) -> None:
        """Say that the line is good, as a browser would."""
        video = next(each for each in self._receivers.values() if each.track.kind == "video")
        while True:
            await asyncio.sleep(ESTIMATE_INTERVAL_S)
            own: int | None = video._RTCRtpReceiver__rtcp_ssrc
            streams: list[int] = list(video._RTCRtpReceiver__remote_streams)
            if streams and own is not None:
                fci = pack_remb_fci(ESTIMATE_BPS, streams)
                with contextlib.suppress(ConnectionError):
                    await video._send_rtcp(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own, media_ssrc=0, fci=fci))


def _is_key_frame(payload: bytes) -> bool:
    """Whether a VP8 picture that begins here is a key frame (RFC 7741: the first bit is its inverse)."""
    try:
        descriptor, frame = VpxPayloadDescriptor.parse(payload)
    except ValueError:
        return False
    return bool(descriptor.partition_start == 1 and descriptor.partition_id == 0 and frame and not frame[0] & 1)
