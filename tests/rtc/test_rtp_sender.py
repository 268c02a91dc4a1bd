from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc import RTCPeerConnection
from aiortc.rtcdtlstransport import State
from aiortc.rtcrtpparameters import (
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    HeaderExtensionsMap,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    is_rtcp,
    pack_remb_fci,
    unwrap_rtx,
)

from app.clock import Epoch
from app.rtc.packetizer import Packetizer, picture_packetizer
from app.rtc.rtp_header import ABS_SEND_TIME, MID
from app.rtc.rtp_sender import HISTORY, WAITING_HIGH, Feed, RtpSender
from app.rtc.subscription import Encoded, Subscriber

PARAMETERS = RTCRtpSendParameters(
    codecs=[
        RTCRtpCodecParameters("video/VP8", 90_000, payloadType=96),
        RTCRtpCodecParameters("video/rtx", 90_000, payloadType=97, parameters={"apt": 96}),
    ],
    headerExtensions=[
        RTCRtpHeaderExtensionParameters(id=2, uri=ABS_SEND_TIME),
        RTCRtpHeaderExtensionParameters(id=4, uri=MID),
    ],
    muxId="pictures",
    rtcp=RTCRtcpParameters(cname="who"),
)


class Line:
    """A socket and a cipher that change nothing, and a stream that can be fed by hand."""

    def __init__(self, peer: RTCPeerConnection) -> None:
        self.sent: list[bytes] = []
        self.waiting = 0
        self.error: Exception | None = None
        self.key_wishes = 0
        self.takers: list[Subscriber] = []
        self.epoch = Epoch()
        self.epoch.ntp = 7 << 32
        socket = SimpleNamespace(sendto=self._sendto, get_write_buffer_size=lambda: self.waiting)
        path = SimpleNamespace(protocol=SimpleNamespace(transport=socket), remote_addr=("192.0.2.1", 9))
        self.paths = {1: path}
        plain: Any = SimpleNamespace(protect=lambda packet: packet, protect_rtcp=lambda packet: packet)
        dtls: Any = SimpleNamespace(
            transport=SimpleNamespace(_connection=SimpleNamespace(_nominated=self.paths)),
            _state=State.CONNECTED,
            _tx_srtp=plain,
            _register_rtp_sender=lambda sender, parameters: None,
            _unregister_rtp_sender=lambda sender: None,
        )
        self.dtls = dtls
        feed = Feed(self._begin, self.takers.remove, self._want_key, Fraction(1, 90_000), self.epoch)
        self.sender = RtpSender.put_into(peer.addTransceiver("video", "sendonly"), feed)
        self.sender.setTransport(self.dtls)

    def pictures(self) -> list[RtpPacket]:
        extensions = HeaderExtensionsMap()
        extensions.configure(PARAMETERS)
        return [RtpPacket.parse(packet, extensions) for packet in self.sent if not is_rtcp(packet)]

    def reports(self) -> list[Any]:
        return [each for packet in self.sent if is_rtcp(packet) for each in RtcpPacket.parse(packet)]

    def put(self, slot: int, size: int = 3000, key: bool = False) -> None:
        self.sender.put(Encoded(slot * 3600, bytes([slot % 256]) * size, key))

    def _begin(self, taker: Subscriber) -> Packetizer:
        self.takers.append(taker)
        return picture_packetizer("VP8")

    def _want_key(self, taker: Subscriber) -> None:
        self.key_wishes += 1

    def _sendto(self, packet: bytes, address: Any) -> None:
        assert address == ("192.0.2.1", 9)
        if self.error is not None:
            raise self.error
        self.sent.append(packet)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    peer = RTCPeerConnection()
    line = Line(peer)
    await line.sender.send(PARAMETERS)
    yield line
    await line.sender.stop()
    await peer.close()


async def test_a_picture_goes_out_in_packets_that_say_what_was_agreed(line: Line) -> None:
    line.put(1, key=True)
    line.put(2)
    packets = line.pictures()
    numbers = [packet.sequence_number for packet in packets]
    assert numbers == [(numbers[0] + i) % 65536 for i in range(6)]
    assert [packet.marker for packet in packets] == [0, 0, 1] * 2
    assert (packets[3].timestamp - packets[0].timestamp) % (1 << 32) == 3600
    for packet in packets:
        assert (packet.payload_type, packet.ssrc) == (96, line.sender._ssrc)
        assert packet.extensions.mid == "pictures" and packet.extensions.abs_send_time is not None
    assert sum(len(packet.payload) for packet in packets) > 6000


async def test_a_report_pairs_a_timestamp_with_its_media_time_from_the_first_picture_on(line: Line) -> None:
    line.put(25, key=True)
    report, who = line.reports()
    assert isinstance(report, RtcpSrPacket) and who.chunks[0].items == [(1, b"who")]
    assert report.sender_info.ntp_timestamp == 8 << 32
    assert report.sender_info.rtp_timestamp == line.pictures()[-1].timestamp
    assert (report.sender_info.packet_count, report.sender_info.octet_count > 3000) == (3, True)


async def test_nothing_is_sent_before_a_key_frame_or_before_the_connection_is_up(line: Line) -> None:
    line.put(1)
    assert not line.sent and line.sender.dropped == 0
    line.dtls._state = State.CONNECTING
    line.put(2, key=True)
    assert not line.sent


@pytest.mark.parametrize("with_rtx", [True, False])
async def test_a_lost_packet_is_sent_again(with_rtx: bool) -> None:
    peer = RTCPeerConnection()
    line = Line(peer)
    codecs = PARAMETERS.codecs if with_rtx else PARAMETERS.codecs[:1]
    extensions = PARAMETERS.headerExtensions
    await line.sender.send(RTCRtpSendParameters(codecs, extensions, "pictures", PARAMETERS.rtcp))
    line.put(1, key=True)
    lost = line.pictures()[1]
    line.sent.clear()
    nack = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=lost.ssrc, lost=[lost.sequence_number, 5, 9])
    await line.sender._handle_rtcp_packet(nack)
    (again,) = line.pictures()
    if with_rtx:
        assert (again.payload_type, again.ssrc) == (97, line.sender._rtx_ssrc)
        again = unwrap_rtx(again, payload_type=96, ssrc=lost.ssrc)
    assert (again.sequence_number, again.timestamp, again.payload) == (
        lost.sequence_number,
        lost.timestamp,
        lost.payload,
    )
    await line.sender.stop()
    await peer.close()


async def test_only_so_many_packets_are_kept(line: Line) -> None:
    for slot in range(HISTORY):
        line.put(slot, size=2000, key=slot == 0)
    first, latest = line.pictures()[0], line.pictures()[-1]
    line.sent.clear()
    lost = [first.sequence_number, latest.sequence_number]
    await line.sender._handle_rtcp_packet(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=2, lost=lost))
    assert len(line.pictures()) == 1 and len(line.sender._history) == HISTORY


async def test_a_peer_asks_for_a_key_frame_and_says_what_it_can_take(line: Line) -> None:
    await line.sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=2))
    assert line.key_wishes == 1
    for fci in (pack_remb_fci(700_000, [line.sender._ssrc]), pack_remb_fci(100_000, [1]), b"another's"):
        await line.sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci))
    assert line.sender.target_bitrate == pytest.approx(700_000, rel=0.01) and not line.sender.congested
    report = RtcpReceiverInfo(line.sender._ssrc, 26, 26, 0, 0, 0, 0)
    for reports in ([replace(report, ssrc=1)], [replace(report, fraction_lost=1)]):
        await line.sender._handle_rtcp_packet(RtcpRrPacket(ssrc=1, reports=reports))
        assert not line.sender.congested
    await line.sender._handle_rtcp_packet(RtcpRrPacket(ssrc=1, reports=[report]))
    assert line.sender.congested


async def test_a_socket_that_takes_nothing_loses_pictures_and_goes_on_with_a_key_frame(line: Line) -> None:
    line.put(1, key=True)
    line.sent.clear()
    line.waiting = WAITING_HIGH + 1
    for slot in range(2, 1000):
        line.put(slot, key=slot % 50 == 0)
    assert not line.sent and line.sender.dropped == 998 and line.key_wishes
    line.waiting = 0
    line.put(1000)
    assert not line.sent, "it follows a gap"
    line.put(1001, key=True)
    line.put(1002)
    assert len(line.pictures()) == 6


async def test_an_error_of_the_socket_is_nobody_elses(line: Line) -> None:
    line.error = OSError("no route")
    line.put(1, key=True)
    assert line.sender.dropped == 1 and line.key_wishes == 1
    line.error = None
    line.paths.clear()
    line.put(2, key=True)
    assert line.sender.dropped == 2 and not line.sent


async def test_at_the_end_it_takes_nothing_more_and_says_goodbye(line: Line) -> None:
    line.put(1, key=True)
    assert line.takers == [line.sender]
    line.sender.end()
    assert not line.takers
    await line.sender.stop()
    await line.sender.stop()
    assert line.reports()[-1].sources == [line.sender._ssrc]
    await asyncio.sleep(0)
    await line.sender.send(PARAMETERS)
    assert not line.takers


async def test_pictures_are_numbered_without_a_gap_and_cut_once_for_all() -> None:
    packetizer = picture_packetizer("VP8")
    first, second = Encoded(0, b"x" * 3000, True), Encoded(3600, b"y" * 10, False)
    cut = packetizer.payloads(first)
    assert packetizer.payloads(first) is cut and len(cut) == 3
    (following,) = packetizer.payloads(second)
    number = int.from_bytes(cut[0][2:4], "big")
    assert int.from_bytes(following[2:4], "big") == number + 1
