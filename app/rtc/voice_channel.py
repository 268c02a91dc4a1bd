"""One codec's encoder of the voice, and who takes it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from app.media import Samples
from app.rtc.picture_channel import FAILURES
from app.rtc.subscription import Encoded, Subscriber
from app.rtc.voice_encoder import VoiceCodec, make_voice_encoder

logger = logging.getLogger(__name__)


class VoiceChannel:
    """An encoder that is made anew when it fails."""

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
