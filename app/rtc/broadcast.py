"""Buffer B encoded once for everybody: each slot's picture once a codec, the voice likewise.

Nothing leaves before its time. What is encoded goes to subscriptions; pictures are encoded by a pool of threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar

from app.clock import Clock, SlotClock
from app.media import I420, PACKET_NS
from app.pacer.idle_renderer import DeferredFrame
from app.rtc.packetizer import Packetizer, voice_packetizer
from app.rtc.picture_channel import PictureChannel
from app.rtc.picture_encoder import Effort, PictureCodec
from app.rtc.playout_feed import PlayoutFeed, take_when_due
from app.rtc.subscription import Subscriber, Subscription
from app.rtc.voice_channel import VoiceChannel
from app.rtc.voice_encoder import VoiceCodec

SUBSCRIPTION_PICTURES = 12  # half a second; who owes more begins anew with a key frame
SUBSCRIPTION_VOICE = 25


class _Taken(Protocol):
    """What has subscribers."""

    subscriptions: list[Subscriber]


Taken = TypeVar("Taken", bound=_Taken)


class EncodingFailed(Exception):
    """Nothing that is taken can be coded, however often it is tried."""


class PictureBroadcast:
    """One session's pictures. ``run`` serves them, 25 a second, each ``lead_ns`` after the start of its sound.

    A picture whose coding takes longer than a slot makes the next ones wait in Buffer B, which drops the oldest.
    ``effort``: of a codec that nobody has taken yet.
    """

    def __init__(
        self, feed: PlayoutFeed, clock: Clock, pool: Executor, lead_ns: int, most_bitrate: int, effort: Effort
    ) -> None:
        self._feed, self._clock, self._pool = feed, clock, pool
        self._lead_ns, self._most_bitrate, self.effort = lead_ns, most_bitrate, effort
        self._channels: dict[PictureCodec, PictureChannel] = {}
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
            channel = self._channels[codec] = PictureChannel(codec, self._most_bitrate, self.effort)
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

    async def _send(self, channel: PictureChannel, slot: int) -> None:
        assert self._shown is not None
        channel.adapt()
        key = channel.take_key_wish(self._clock.now_ns())
        loop = asyncio.get_running_loop()
        encoded = await loop.run_in_executor(self._pool, channel.encode, self._shown, slot, key)
        if encoded.data:  # a rate control may skip a picture
            for subscription in channel.subscriptions:
                subscription.put(encoded)


class VoiceBroadcast:
    """One session's voice, coded once a codec from pieces of exactly 20 ms (960 samples).

    Longer packets of Opus would be split into RTP packets that share one timestamp, of which browsers throw half away.
    ``on_left`` is told the position of each packet of input that leaves.
    """

    def __init__(self, feed: PlayoutFeed, clock: Clock, on_left: Callable[[int], None] = lambda position: None) -> None:
        self._feed, self._clock, self._on_left = feed, clock, on_left
        self._packetizer = voice_packetizer()
        self._channels: dict[VoiceCodec, VoiceChannel] = {}
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

    def _channel(self, codec: VoiceCodec) -> VoiceChannel:
        channel = self._channels.get(codec)
        if channel is None:
            channel = self._channels[codec] = VoiceChannel(codec)
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
