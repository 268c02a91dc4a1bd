"""One codec's encoder of pictures, and who takes them."""

from __future__ import annotations

import logging
import statistics

from app.media import I420, NS_PER_MS
from app.rtc.packetizer import picture_packetizer
from app.rtc.picture_encoder import Effort, PictureCodec, make_encoder
from app.rtc.subscription import Encoded, Subscriber

logger = logging.getLogger(__name__)

KEY_INTERVAL_NS = 250 * NS_PER_MS  # at least, between key frames: what asks in between gets the next
RETRY_PICTURES = 5  # after how many pictures an encoder that failed twice is tried again
FAILURES = 20  # in a row, of every codec that is taken, before the session ends
START_BITRATE_SHARE = 0.6  # of the most; less only for lines that are full, more where the estimates say so


class PictureChannel:
    """An encoder that is made anew when it fails; the voice and other codecs go on beside it."""

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
        """Ask for a key frame."""
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
