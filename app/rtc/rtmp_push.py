"""RTMP push: a session's coded pictures and voice to a server that streams them on.

PyAV could write RTMP, but opens its connection without a time limit and with the interpreter's lock held: one dead
server would stop every session. So the protocol is spoken here, on the event loop (``app/rtc/rtmp``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.media import SAMPLE_RATE, VIDEO_CLOCK_RATE
from app.rtc.push import until_first
from app.rtc.reach import Reach
from app.rtc.rtmp.flv import AAC_HEADER, AvcPayloads, aac_frame
from app.rtc.rtmp.publisher import Publisher, RtmpTarget
from app.rtc.senders import Media

KEY_INTERVAL_TICKS = 2 * VIDEO_CLOCK_RATE  # servers cut what they hand out at key frames, and most want one in 2 s


class RtmpPush:
    """Pushes to one server: H.264 and AAC, as they were coded for all.

    Times are media time in ms, from the first picture. While the server is slow its two subscriptions drop, by their
    own bounds; nobody else notices.
    """

    def __init__(self, media: Media, size: tuple[int, int], target: RtmpTarget, reach: Reach) -> None:
        self._media, self._size, self._target, self._reach = media, size, target, reach

    async def run(self, on_live: Callable[[], None]) -> None:
        """See :class:`Push`."""
        publisher = await Publisher.open(self._target, self._size, self._reach)
        try:
            on_live()
            begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            await until_first(
                publisher.listen(), self._send_pictures(publisher, begun), self._send_voice(publisher, begun)
            )
        finally:
            await publisher.aclose()

    async def _send_pictures(self, publisher: Publisher, begun: asyncio.Future[int]) -> None:
        """Send pictures; ``begun`` is set to the time of the first one."""
        pictures, payloads = self._media.pictures, AvcPayloads()
        subscription = pictures.subscribe("H264")
        key_pts = 0
        try:
            while True:
                encoded = await subscription.next()
                time_ms = picture_ms(encoded.pts)
                if not begun.done():
                    begun.set_result(time_ms)
                if encoded.key:
                    key_pts = encoded.pts
                elif encoded.pts - key_pts >= KEY_INTERVAL_TICKS:
                    pictures.want_key(subscription)
                for payload in payloads.payloads(encoded.data, encoded.key):
                    await publisher.send_picture(payload, time_ms - begun.result())
        finally:
            pictures.unsubscribe(subscription)

    async def _send_voice(self, publisher: Publisher, begun: asyncio.Future[int]) -> None:
        """Send the sound from the first picture on."""
        voice = self._media.voice
        subscription = voice.subscribe("aac")
        try:
            begins_ms = await asyncio.shield(begun)
            await publisher.send_voice(AAC_HEADER, 0)
            while True:
                encoded = await subscription.next()
                time_ms = sound_ms(encoded.pts) - begins_ms
                if time_ms >= 0:
                    await publisher.send_voice(aac_frame(encoded.data), time_ms)
        finally:
            voice.unsubscribe(subscription)


def picture_ms(pts: int) -> int:
    """Return a picture's time in whole ms; a slot has 40."""
    return pts * 1000 // VIDEO_CLOCK_RATE


def sound_ms(pts: int) -> int:
    """Return the nearest ms to a sample's time."""
    return (pts * 2000 + SAMPLE_RATE) // (2 * SAMPLE_RATE)
