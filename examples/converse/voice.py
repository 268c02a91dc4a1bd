"""Text-to-speech for the pipeline, offline: espeak-ng, with the time of each word."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator

from espeak import Espeak
from pipecat.frames.frames import Frame, TTSAudioRawFrame
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService


class EspeakTTSService(TTSService):
    """Speaks a sentence at a time, much faster than it is heard."""

    def __init__(self, espeak: Espeak) -> None:
        super().__init__(
            push_text_frames=False,  # the words go with their times
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=espeak.sample_rate,
            settings=TTSSettings(model=None, voice=None, language=None),
        )
        self._espeak = espeak
        self._spoken_bytes = 0
        self._spoken_context: str | None = None

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Yield the sound of one sentence, and note when its words are said."""
        if context_id != self._spoken_context:
            self._spoken_context, self._spoken_bytes = context_id, 0
        before_s = self._spoken_bytes / 2 / self._espeak.sample_rate  # words are timed from the answer's first sound
        speech = await asyncio.to_thread(self._espeak.speak, text)
        self._spoken_bytes += len(speech.pcm)
        # espeak takes some words together: those begin, as far as is known, with the first of them
        times = [
            (word[0], before_s + max((ms for at, ms in speech.words if at <= word.start()), default=0) / 1000)
            for word in re.finditer(r"\S+", text)
        ]
        await self.add_word_timestamps(times, context_id)
        second = self._espeak.sample_rate * 2
        for at in range(0, len(speech.pcm), second):
            yield TTSAudioRawFrame(speech.pcm[at : at + second], self._espeak.sample_rate, 1, context_id=context_id)
