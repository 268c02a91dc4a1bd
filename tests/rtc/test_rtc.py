"""Buffer B and the tracks on a clock moved by hand, and the sender reports' arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import RtcpSdesPacket, RtcpSenderInfo, RtcpSrPacket

from app.clock import Epoch, SlotClock
from app.errors import Refusal
from app.i420 import BLACK_LUMA, plain
from app.media import SAMPLES_PER_FRAME, SLOT_NS
from app.pacer.played_slot import PlayedSlot
from app.rtc.playout_feed import FADE_SAMPLES, SPARE_SLOTS, PlayoutFeed
from app.rtc.sender_clock import MediaClockReports, ntp_of
from app.rtc.signaling import check_offer

IDLE = plain(4, 4, BLACK_LUMA)


def played(slot: int) -> PlayedSlot:
    image = plain(4, 4, 200)
    return PlayedSlot(slot, slot, image, np.full(SAMPLES_PER_FRAME, slot + 1, np.int16), 0)


def test_buffer_b_is_bounded_and_keeps_the_latest() -> None:
    feed = PlayoutFeed(2)
    for slot in range(100):
        feed.put(played(slot))
    assert len(feed) == 1 + SPARE_SLOTS
    assert [slot.slot for slot in feed.pictures.items] == [96, 97, 98, 99]
    assert len(feed.voice.items) == 2 * len(feed)
    assert feed.pictures.dropped == 96


def test_an_interrupt_leaves_rest_in_buffer_b_without_a_click() -> None:
    feed = PlayoutFeed(2)
    for slot in range(2):
        feed.put(PlayedSlot(slot, slot, IDLE + 9, np.full(SAMPLES_PER_FRAME, 10_000, np.int16), 0, slot))
    assert feed.silence(lambda position: IDLE) == 4
    assert feed.silence(lambda position: IDLE) == 0
    assert all(slot.image is IDLE and slot.generation is None for slot in feed.pictures.items)
    sound = np.concatenate([packet.samples for packet in feed.voice.items]).astype(int)
    assert sound[0] == 10_000 and (sound[FADE_SAMPLES:] == 0).all()
    assert np.abs(np.diff(sound)).max() < 100
    assert [packet.number for packet in feed.voice.items] == [0, 1, 2, 3]


def test_slots_that_the_tracks_came_too_late_for_are_counted() -> None:
    feed = PlayoutFeed(2)
    for slot in range(10):
        feed.put(played(slot))
    assert feed.unsent == 10 - len(feed)


class FakeSender:
    """What MediaClockReports uses of aiortc's sender."""

    def __init__(self, random_offset: int) -> None:
        self.offset = random_offset
        self._RTCRtpSender__rtp_timestamp = 0
        self._RTCRtpSender__lsr = 0
        self.next: RTCEncodedFrame | None = None
        self.sent: list[object] = []

    async def _next_encoded_frame(self, codec: object) -> RTCEncodedFrame | None:
        return self.next

    async def _send_rtcp(self, packets: list[object]) -> None:
        self.sent += packets

    def send(self, timestamp: int) -> None:
        self._RTCRtpSender__rtp_timestamp = (self.offset + timestamp) % (1 << 32)

    def report(self) -> RtcpSrPacket:
        info = RtcpSenderInfo(
            ntp_timestamp=123, rtp_timestamp=self._RTCRtpSender__rtp_timestamp, packet_count=1, octet_count=1
        )
        return RtcpSrPacket(ssrc=1, sender_info=info)


class FakeTrack:
    last_pts = 0


@pytest.mark.parametrize("offset", [0, 5_000, (1 << 32) - 1_000])
async def test_a_report_pairs_a_timestamp_with_its_media_time(offset: int) -> None:
    sender, track, epoch = FakeSender(offset), FakeTrack(), Epoch()
    epoch_ntp = epoch.ntp = 7 << 32
    reports = MediaClockReports(sender, track, Fraction(1, 48_000), epoch)  # type: ignore[arg-type]
    await sender._send_rtcp([sender.report()])
    assert sender.sent == []  # nothing true can be said yet
    for number in range(5):
        # the track's first frame is packet 4; the encoder counts from 0
        track.last_pts = (number + 4) * 960
        sender.next = RTCEncodedFrame([b"x"], number * 960, 0)
        await sender._next_encoded_frame(None)
        sender.send(number * 960)
    report = sender.report()
    await sender._send_rtcp([report, RtcpSdesPacket()])
    assert report.sender_info.ntp_timestamp == epoch_ntp + int(Fraction(8 * 960, 48_000) * (1 << 32))
    assert sender._RTCRtpSender__lsr == (report.sender_info.ntp_timestamp >> 16) & 0xFFFFFFFF
    assert len(sender.sent) == 2
    assert reports.media_time(report.sender_info.rtp_timestamp) == Fraction(8 * 960, 48_000)


def test_ntp_time_is_exact() -> None:
    assert ntp_of(Fraction(1, 2), 10 << 32) == (10 << 32) + (1 << 31)
    hour = ntp_of(Fraction(3600), 0)
    assert hour == 3600 << 32


def test_epoch_slots() -> None:
    slots = SlotClock(1000)
    assert slots.due_ns(25) == 1000 + 1_000_000_000
    assert slots.slot_at(1000 + SLOT_NS - 1) == 0 and slots.slot_at(1000 + SLOT_NS) == 1


MEDIA = (
    "m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na={direction}\r\na=mid:{kind}\r\na=rtpmap:96 {codec}\r\n"
)


def offer(*media: tuple[str, str]) -> str:
    codecs = {"audio": "opus/48000/2", "video": "VP8/90000"}
    lines = [MEDIA.format(kind=kind, direction=direction, codec=codecs[kind]) for kind, direction in media]
    return "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + "".join(lines)


def test_an_offer_for_one_voice_and_one_picture_is_fine() -> None:
    check_offer(offer(("audio", "recvonly"), ("video", "recvonly")))


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "hello",
        "v=0\r\nm=audio\r\n",
        offer(("audio", "recvonly")),
        offer(("audio", "recvonly"), ("video", "sendonly")),
        offer(("audio", "recvonly"), ("video", "recvonly"), ("video", "recvonly")),
        offer(("audio", "recvonly"), ("video", "recvonly"), ("video", "sendonly")),
    ],
)
def test_an_offer_that_cannot_carry_a_talking_face_is_refused(sdp: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_offer(sdp)
    assert caught.value.code == "bad_sdp"
