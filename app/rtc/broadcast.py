"""Buffer B encoded once for everybody: each slot's picture once a codec, the voice likewise.

Nothing leaves before its time. What is encoded goes to subscriptions; pictures are encoded by a pool of threads.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar

from app.clock import Clock, SlotClock
from app.media import I420, NS_PER_MS, PACKET_NS, Samples
from app.pacer.idle_renderer import DeferredFrame
from app.rtc.packetizer import Packetizer, picture_packetizer, voice_packetizer
from app.rtc.picture_encoder import Effort, PictureCodec, make_encoder
from app.rtc.playout_feed import PlayoutFeed, take_when_due
from app.rtc.subscription import Encoded, Subscriber, Subscription
from app.rtc.voice_encoder import VoiceCodec, make_voice_encoder

logger = logging.getLogger(__name__)

SUBSCRIPTION_PICTURES = 12  # half a second; who owes more begins anew with a key frame
SUBSCRIPTION_VOICE = 25
KEY_INTERVAL_NS = 250 * NS_PER_MS  # at least, between key frames: what asks in between gets the next
RETRY_PICTURES = 5  # after how many pictures an encoder that failed twice is tried again
FAILURES = 20  # in a row, of every codec that is taken, before the session ends
START_BITRATE_SHARE = 0.6  # of the most; less only for lines that are full, more where the estimates say so


class _Taken(Protocol):
    """What has subscribers."""

    subscriptions: list[Subscriber]


Taken = TypeVar("Taken", bound=_Taken)


class EncodingFailed(Exception):
    """Nothing that is taken can be coded, however often it is tried."""


class _Channel:
    """One codec's encoder and its subscribers. What fails is made anew; the voice and other codecs go on beside it."""

    def __init__(self, codec: PictureCodec, most_bitrate: int, effort: Effort) -> None:
        self.subscriptions: list[Subscriber] = []
        self.packetizer = picture_packetizer(codec)
        self.failures = 0  # in a row
        self._codec, self._most_bitrate, self._effort = codec, most_bitrate, effort
        self._start_bitrate = int(most_bitrate * START_BITRATE_SHARE)
        self._encoder = make_encoder(codec, self._start_bitrate, most_bitrate, effort)
        self._key_wanted = True
        self._key_at_ns: int | None = None
        self._rests = 0  # pictures that are not tried

    @property
    def is_lost(self) -> bool:
        """Whether it has failed so often that nobody expects more of it."""
        return self.failures >= FAILURES

    def want_key(self) -> None:
        self._key_wanted = True

    def encode(self, picture: I420, slot: int, key: bool) -> Encoded:
        """Code a picture, on one of the pool's threads, one at a time; nothing comes of one that fails.

        The next is coded anew, with another encoder, and a key frame.
        """
        if self._rests:
            self._rests -= 1
            return Encoded(slot, b"", False)
        try:
            encoded = self._encoder.encode(picture, slot, key)
        except Exception:  # whatever a codec's library raises, memory that is short included
            self._rests = RETRY_PICTURES - 1 if self.failures else 0
            self.failures += 1
            if self.failures in (1, FAILURES):
                logger.exception("pictures: %s could not be coded, %d times in a row", self._codec, self.failures)
            self._encoder = make_encoder(self._codec, self._encoder.bitrate, self._most_bitrate, self._effort)
            self._key_wanted, self._key_at_ns = True, None
            return Encoded(slot, b"", False)
        self.failures = 0
        return encoded

    def take_key_wish(self, now_ns: int) -> bool:
        """Whether the next picture shall be a key frame."""
        soon = self._key_at_ns is not None and now_ns - self._key_at_ns < KEY_INTERVAL_NS
        if not self._key_wanted or soon:
            return False
        self._key_wanted, self._key_at_ns = False, now_ns
        return True

    def adapt(self) -> None:
        """Aim at what most subscribers can take: a slow one loses packets, not everybody quality."""
        said = [(each.target_bitrate, each.congested) for each in self.subscriptions]
        least = self._start_bitrate
        wishes = [wish if congested else max(wish, least) for wish, congested in said if wish is not None]
        if wishes:
            self._encoder.aim_at(int(statistics.median_high(wishes)))


class PictureBroadcast:
    """One session's pictures. ``run`` serves them, 25 a second, each ``lead_ns`` after the start of its sound.

    A picture whose coding takes longer than a slot makes the next ones wait in Buffer B, which drops the oldest.
    """

    def __init__(
        self, feed: PlayoutFeed, clock: Clock, pool: Executor, lead_ns: int, most_bitrate: int, effort: Effort
    ) -> None:
        self._feed, self._clock, self._pool = feed, clock, pool
        self._lead_ns, self._most_bitrate, self._effort = lead_ns, most_bitrate, effort
        self._channels: dict[PictureCodec, _Channel] = {}
        self._shown: I420 | None = None
        self._dropped_before = 0  # packets, by subscribers who have left
        self.sent = 0  # pictures
        self.first_spoken_ns: int | None = None  # when the first that speaks went to whoever takes pictures

    @property
    def dropped(self) -> int:
        """Packets that subscribers lost because they were slow, those who have left included."""
        here = sum(each.dropped for channel in self._channels.values() for each in channel.subscriptions)
        return self._dropped_before + here

    def subscribe(self, codec: PictureCodec) -> Subscription:
        """Add a subscriber who takes pictures in its own time; it begins with a key frame."""
        subscription = Subscription(SUBSCRIPTION_PICTURES, on_loss=lambda: self.want_key(subscription))
        self.add(codec, subscription)
        return subscription

    def add(self, codec: PictureCodec, subscriber: Subscriber) -> Packetizer:
        """Add whoever is given pictures as they come, for which a key frame is made; returns what cuts them."""
        channel = self._channels.get(codec)
        if channel is None:
            channel = self._channels[codec] = _Channel(codec, self._most_bitrate, self._effort)
        channel.subscriptions.append(subscriber)
        channel.want_key()
        return channel.packetizer

    @property
    def watched(self) -> bool:
        """Whether anybody takes pictures."""
        return bool(self._channels)

    def unsubscribe(self, subscription: Subscriber) -> None:
        """Remove a subscriber; a codec that nobody takes any more is not encoded."""
        self._dropped_before += _leave(self._channels, subscription)

    def want_key(self, subscription: Subscriber) -> None:
        """Ask for a key frame, on a subscriber's behalf (PLI, FIR); requests that come together get one."""
        for channel in self._channels.values():
            if subscription in channel.subscriptions:
                channel.want_key()

    async def run(self, slots: SlotClock) -> None:
        """Serve until cancelled."""
        while True:
            played = await take_when_due(
                self._feed.pictures, lambda played: slots.due_ns(played.slot) + self._lead_ns, self._clock
            )
            image = played.image
            self._shown = await image.ready(self._shown) if isinstance(image, DeferredFrame) else image
            channels = list(self._channels.values())
            await asyncio.gather(*(self._send(channel, played.slot) for channel in channels))
            if channels and all(channel.is_lost for channel in channels):
                raise EncodingFailed(f"none of {len(channels)} codecs works")
            self.sent += 1
            if self.first_spoken_ns is None and played.pts is not None and self.watched:
                self.first_spoken_ns = self._clock.now_ns()

    async def _send(self, channel: _Channel, slot: int) -> None:
        assert self._shown is not None
        channel.adapt()
        key = channel.take_key_wish(self._clock.now_ns())
        loop = asyncio.get_running_loop()
        encoded = await loop.run_in_executor(self._pool, channel.encode, self._shown, slot, key)
        if encoded.data:  # a rate control may skip a picture
            for subscription in channel.subscriptions:
                subscription.put(encoded)


class _VoiceChannel:
    """One codec's encoder and its subscribers."""

    def __init__(self, codec: VoiceCodec) -> None:
        self.subscriptions: list[Subscriber] = []
        self.failures = 0  # in a row
        self._codec: VoiceCodec = codec
        self._encoder = make_voice_encoder(codec)

    @property
    def is_lost(self) -> bool:
        """Whether it has failed so often that nobody expects more of it."""
        return self.failures >= FAILURES

    def encode(self, samples: Samples, number: int) -> Sequence[Encoded]:
        """Code a packet; nothing comes of one that fails, and the next is coded with another encoder."""
        try:
            encoded = self._encoder.encode(samples, number)
        except Exception:  # as for pictures
            self.failures += 1
            if self.failures in (1, FAILURES):
                logger.exception("voice: %s could not be coded, %d times in a row", self._codec, self.failures)
            self._encoder = make_voice_encoder(self._codec)
            return []
        self.failures = 0
        return encoded


class VoiceBroadcast:
    """One session's voice, coded once a codec from pieces of exactly 20 ms (960 samples).

    Longer packets of Opus would be split into RTP packets that share one timestamp, of which browsers throw half away.
    ``on_left`` is told the position of each packet of input that leaves.
    """

    def __init__(self, feed: PlayoutFeed, clock: Clock, on_left: Callable[[int], None] = lambda position: None) -> None:
        self._feed, self._clock, self._on_left = feed, clock, on_left
        self._packetizer = voice_packetizer()
        self._channels: dict[VoiceCodec, _VoiceChannel] = {}
        self._dropped_before = 0  # packets, by subscribers who have left

    @property
    def dropped(self) -> int:
        """Packets that subscribers lost because they were slow, those who have left included."""
        here = sum(each.dropped for channel in self._channels.values() for each in channel.subscriptions)
        return self._dropped_before + here

    def subscribe(self, codec: VoiceCodec = "opus") -> Subscription:
        """Add a subscriber who takes the voice in its own time."""
        subscription = Subscription(SUBSCRIPTION_VOICE)
        self._channel(codec).subscriptions.append(subscription)
        return subscription

    def add(self, subscriber: Subscriber) -> Packetizer:
        """Add whoever is given the voice as it comes, as Opus; returns what cuts it."""
        self._channel("opus").subscriptions.append(subscriber)
        return self._packetizer

    def unsubscribe(self, subscription: Subscriber) -> None:
        """Remove a subscriber; a codec that nobody takes any more is not encoded."""
        self._dropped_before += _leave(self._channels, subscription)

    def _channel(self, codec: VoiceCodec) -> _VoiceChannel:
        channel = self._channels.get(codec)
        if channel is None:
            channel = self._channels[codec] = _VoiceChannel(codec)
        return channel

    async def run(self, slots: SlotClock) -> None:
        """Serve until cancelled."""
        while True:
            packet = await take_when_due(
                self._feed.voice, lambda packet: slots.epoch_ns + packet.number * PACKET_NS, self._clock
            )
            if packet.position is not None:
                self._on_left(packet.position)
            for channel in self._channels.values():
                for encoded in channel.encode(packet.samples, packet.number):
                    for subscription in channel.subscriptions:
                        subscription.put(encoded)
            if self._channels and all(channel.is_lost for channel in self._channels.values()):
                raise EncodingFailed(f"none of {len(self._channels)} codecs works")


def _leave(channels: dict[Any, Taken], leaving: Subscriber) -> int:
    """Take a subscriber out, and the channel that it leaves empty; returns what it lost, 0 where it is not there."""
    for codec, channel in list(channels.items()):
        if leaving in channel.subscriptions:
            channel.subscriptions.remove(leaving)
            if not channel.subscriptions:
                del channels[codec]
            return leaving.dropped
    return 0
