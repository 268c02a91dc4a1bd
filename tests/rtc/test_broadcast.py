"""Pictures and voice encoded once for several subscribers, on a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from av import CodecContext, Packet

from app.clock import SlotClock
from app.i420 import BLACK_LUMA, plain
from app.media import PACKET_NS, SAMPLES_PER_FRAME, SLOT_NS
from app.pacer.played_slot import PlayedSlot
from app.rtc.broadcast import (
    SUBSCRIPTION_PICTURES,
    SUBSCRIPTION_VOICE,
    EncodingFailed,
    PictureBroadcast,
    VoiceBroadcast,
)
from app.rtc.picture_channel import FAILURES, KEY_INTERVAL_NS, RETRY_PICTURES, START_BITRATE_SHARE
from app.rtc.picture_encoder import Effort
from app.rtc.playout_feed import PlayoutFeed
from app.rtc.subscription import Encoded, Subscription
from tests.fakes import FakeClock, InlinePool, NotingEncoder

IDLE = plain(4, 4, BLACK_LUMA)
MOST_BITRATE = 2_500_000


def played(slot: int) -> PlayedSlot:
    return PlayedSlot(slot, slot, plain(4, 4, 200), np.full(SAMPLES_PER_FRAME, slot + 1, np.int16), 0)


class Stage:
    """A session's pictures with encoders that only note."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lead_packets: int = 2) -> None:
        self.encoders: dict[str, NotingEncoder] = {}
        monkeypatch.setattr("app.rtc.picture_channel.make_encoder", self._make)
        self.clock, self.feed = FakeClock(), PlayoutFeed(lead_packets)
        self.slots = SlotClock(self.clock.time_ns)
        self.pictures = PictureBroadcast(
            self.feed, self.clock, InlinePool(), lead_packets * PACKET_NS, MOST_BITRATE, Effort.USUAL
        )
        self.next_slot = 0

    def _make(self, codec: str, *options: object) -> NotingEncoder:
        self.encoders[codec] = NotingEncoder()
        return self.encoders[codec]

    async def show(self, count: int) -> None:
        """Serve so many slots."""
        serving = asyncio.create_task(self.pictures.run(self.slots))
        for _ in range(count):
            sent = self.pictures.sent
            self.feed.put(played(self.next_slot))
            self.next_slot += 1
            while self.pictures.sent == sent:
                await asyncio.sleep(0)
        serving.cancel()

    def keys(self, codec: str = "H264") -> list[int]:
        return [slot for slot, _, key in self.encoders[codec].coded if key]


@contextmanager
def voice(lead_packets: int = 2) -> Iterator[tuple[VoiceBroadcast, PlayoutFeed, FakeClock]]:
    clock, feed = FakeClock(), PlayoutFeed(lead_packets)
    broadcast = VoiceBroadcast(feed, clock)
    serving = asyncio.get_running_loop().create_task(broadcast.run(SlotClock(clock.time_ns)))
    yield broadcast, feed, clock
    serving.cancel()


async def test_voice_leaves_in_20_ms_packets_each_at_its_own_time() -> None:
    with voice() as (broadcast, feed, clock):
        epoch_ns = clock.time_ns
        subscription = broadcast.subscribe()
        for slot in range(2):
            feed.put(played(slot))
        for number in range(4):
            packet = await subscription.next()
            assert clock.time_ns >= epoch_ns + number * PACKET_NS
            assert packet.pts == number * 960


async def test_what_is_heard_is_what_was_said() -> None:
    tone = (np.sin(2 * np.pi * 440 * np.arange(SAMPLES_PER_FRAME * 10) / 48_000) * 9000).astype(np.int16)
    decoder = CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout, decoder.format = 48_000, "mono", "s16"
    heard = []
    with voice(50) as (broadcast, feed, _):
        subscription = broadcast.subscribe()
        for slot in range(10):
            feed.put(PlayedSlot(slot, slot, IDLE, tone[slot * SAMPLES_PER_FRAME :][:SAMPLES_PER_FRAME], 0))
        for _ in range(20):
            frames = decoder.decode(Packet((await subscription.next()).data))
            heard += [frame.to_ndarray().reshape(-1) for frame in frames]
    sound = np.concatenate(heard).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(sound[9600:19_200] * np.hanning(9600)))
    assert abs(np.argmax(spectrum) * 5 - 440) < 6
    assert np.abs(sound[9600:19_200]).max() == pytest.approx(9000, rel=0.1)


@pytest.mark.parametrize("lead_packets", [0, 2, 50])
async def test_a_picture_leaves_the_lead_after_the_start_of_its_sound(
    lead_packets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(monkeypatch, lead_packets)
    subscription = stage.pictures.subscribe("H264")
    for slot in range(3):
        await stage.show(1)
        assert stage.clock.time_ns == stage.slots.due_ns(slot) + lead_packets * PACKET_NS
        assert (await subscription.next()).pts == slot * 3600


async def test_slots_that_were_left_out_leave_a_gap_in_pts(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    subscription = stage.pictures.subscribe("H264")
    for stage.next_slot in (1, 60):
        await stage.show(1)
    assert [(await subscription.next()).pts for _ in range(2)] == [3600, 60 * 3600]


async def test_a_subscriber_waits_for_its_slot() -> None:
    with voice() as (broadcast, feed, _):
        waiting = asyncio.create_task(broadcast.subscribe().next())
        await asyncio.sleep(0)
        assert not waiting.done()
        feed.put(played(0))
        assert (await waiting).pts == 0


async def test_what_waits_for_its_time_can_still_be_silenced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who already waits for a picture must not hold it in hand."""
    stage = Stage(monkeypatch, 0)
    stage.pictures.subscribe("H264")
    woken = asyncio.Event()

    async def sleep_until(deadline_ns: int) -> None:
        await woken.wait()
        stage.clock.time_ns = deadline_ns

    stage.clock.sleep_until = sleep_until  # type: ignore[method-assign]
    stage.feed.put(played(0))
    serving = asyncio.create_task(stage.pictures.run(SlotClock(stage.clock.time_ns + SLOT_NS)))
    await asyncio.sleep(0)
    stage.feed.silence(lambda position: IDLE)
    woken.set()
    while not stage.pictures.sent:
        await asyncio.sleep(0)
    serving.cancel()
    ((_, picture, _),) = stage.encoders["H264"].coded
    assert picture is IDLE


async def test_many_subscribers_of_a_codec_share_one_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    many = [stage.pictures.subscribe("H264") for _ in range(20)]
    other = stage.pictures.subscribe("VP8")
    await stage.show(3)
    assert [slot for slot, _, _ in stage.encoders["H264"].coded] == [0, 1, 2]
    assert [slot for slot, _, _ in stage.encoders["VP8"].coded] == [0, 1, 2]
    packets = [[await each.next() for _ in range(3)] for each in [*many, other]]
    assert all(a is b for each in packets[1:20] for a, b in zip(packets[0], each, strict=True))


async def test_nothing_is_encoded_for_nobody_and_the_slots_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    await stage.show(2)
    assert not stage.encoders
    subscription = stage.pictures.subscribe("H264")
    await stage.show(1)
    stage.pictures.unsubscribe(subscription)
    stage.pictures.unsubscribe(subscription)
    await stage.show(2)
    assert [slot for slot, _, _ in stage.encoders["H264"].coded] == [2]


async def test_a_newcomer_begins_with_a_key_frame_and_costs_the_others_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch)
    first = stage.pictures.subscribe("H264")
    await stage.show(10)
    late = stage.pictures.subscribe("H264")
    await stage.show(2)
    assert stage.keys() == [0, 10]
    assert [(await first.next()).key for _ in range(12)] == [True] + [False] * 9 + [True, False]
    assert [(await late.next()).pts for _ in range(2)] == [10 * 3600, 11 * 3600]


async def test_requests_for_key_frames_that_come_together_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    subscription = stage.pictures.subscribe("H264")
    for _ in range(50):
        for _ in range(30):
            stage.pictures.want_key(subscription)
        await stage.show(1)
    apart = np.diff(stage.keys())
    assert len(apart) and (apart * SLOT_NS >= KEY_INTERVAL_NS).all()
    assert (apart * SLOT_NS < KEY_INTERVAL_NS + 2 * SLOT_NS).all(), "and none waits longer than it must"


async def test_a_slow_subscriber_loses_its_own_packets_and_comes_back_with_a_key_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch)
    quick, slow = stage.pictures.subscribe("H264"), stage.pictures.subscribe("H264")
    for _ in range(100):
        await stage.show(1)
        await quick.next()
    assert quick.dropped == 0
    assert len(slow) <= SUBSCRIPTION_PICTURES and slow.dropped + len(slow) == 100
    assert stage.pictures.dropped == slow.dropped
    assert (await slow.next()).key
    stage.pictures.unsubscribe(slow)
    assert stage.pictures.dropped == slow.dropped, "what was lost stays counted when the loser has left"


def test_a_flood_is_bounded_and_sound_keeps_the_latest() -> None:
    subscription = Subscription(SUBSCRIPTION_VOICE)
    for number in range(100_000):
        subscription.put(Encoded(number, b"x", key=True))
    assert len(subscription) <= SUBSCRIPTION_VOICE
    assert subscription.dropped + len(subscription) == 100_000


async def test_the_bit_rate_is_what_most_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    subscriptions = [stage.pictures.subscribe("H264") for _ in range(3)]
    await stage.show(1)
    assert stage.encoders["H264"].bitrate == 1_000_000, "nobody has said anything"
    for subscription, bitrate in zip(subscriptions, (90_000, 2_000_000, 1_200_000), strict=True):
        subscription.target_bitrate = bitrate
    await stage.show(1)
    assert stage.encoders["H264"].bitrate == MOST_BITRATE * START_BITRATE_SHARE, "these lines are not full"
    for subscription in subscriptions:
        subscription.congested = True
    await stage.show(1)
    assert stage.encoders["H264"].bitrate == 1_200_000


async def test_an_encoder_that_never_works_ends_the_task_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.pictures.subscribe("H264")
    made = []

    def broken(*given: object) -> Encoded:
        made.append(given)
        raise ValueError("broken")

    monkeypatch.setattr(NotingEncoder, "encode", broken)
    serving = asyncio.create_task(stage.pictures.run(stage.slots))
    for slot in range(FAILURES * RETRY_PICTURES):
        stage.feed.put(played(slot))
        for _ in range(20):
            await asyncio.sleep(0)
    with pytest.raises(EncodingFailed):
        async with asyncio.timeout(5):
            await serving
    assert len(made) == FAILURES, "not every picture is tried, as an encoder takes long to be made"
