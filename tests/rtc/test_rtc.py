"""Buffer B and the tracks on a clock moved by hand, and the sender reports' arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from app.clock import SlotClock
from app.errors import Refusal
from app.i420 import BLACK_LUMA, plain
from app.media import SAMPLES_PER_FRAME, SLOT_NS
from app.pacer.played_slot import PlayedSlot
from app.rtc.playout_feed import FADE_SAMPLES, SPARE_SLOTS, PlayoutFeed
from app.rtc.sender_clock import ntp_of
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
    "a=rtcp-mux\r\na=ice-ufrag:user\r\na=ice-pwd:" + "p" * 22 + "\r\na=setup:actpass\r\n"
    "a=fingerprint:sha-256 " + ":".join(["00"] * 32) + "\r\n"
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
