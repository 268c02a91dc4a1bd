"""What hears the visitor without a network: that something was said, not what."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.utils.time import time_now_iso8601


class CountingEars(SegmentedSTTService):
    """In place of speech recognition: the "transcript" says how long somebody spoke.

    ``last`` is what they said, 16-bit PCM, and up to a second before.
    """

    def __init__(self) -> None:
        super().__init__(ttfs_p99_latency=0.4, trailing_silence_secs=0, settings=STTSettings(model=None, language=None))
        self.last = b""

    @property
    def wants_wav_segments(self) -> bool:
        """No container."""
        return False

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        """Yield the transcript of what was said since the silence before."""
        self.last = audio
        seconds = len(audio) / 2 / self.sample_rate
        yield TranscriptionFrame(f"({seconds:.1f} seconds of speech)", "visitor", time_now_iso8601())
