"""Who answers, without a network: from a script, or in the visitor's own voice."""

from __future__ import annotations

from collections.abc import Sequence

from ears import CountingEars
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

SCRIPT = (
    "Hello! I am a face without a model behind me. I only know that you spoke. Ask me something, or speak while I am"
    " talking, and I will stop and listen. Until then I will simply go on for a while, so that you have something to"
    " interrupt. The rain in Spain stays mainly in the plain, or so they say.",
    "You interrupted me, or I had finished: either way it is my turn again. My lips follow the sound, and what I had"
    " not said yet was thrown away. So what shall we talk about next?",
    "I have three things to say, and that was the third of them. From here on I repeat myself.",
)


class ScriptedBrain(FrameProcessor):
    """Answers each turn with the next line, word by word, as a language model streams it."""

    def __init__(self, lines: Sequence[str] = SCRIPT) -> None:
        super().__init__()
        self._lines, self._at = lines, 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take the context, and stream an answer."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        line = self._lines[self._at % len(self._lines)]
        self._at += 1
        await self.push_frame(LLMFullResponseStartFrame())
        for word in line.split(" "):
            await self.push_frame(LLMTextFrame(word + " "))
        await self.push_frame(LLMFullResponseEndFrame())


class EchoingBrain(FrameProcessor):
    """Lets the face repeat what the visitor said, in the visitor's voice."""

    def __init__(self, ears: CountingEars) -> None:
        super().__init__()
        self._ears = ears

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take the context, and answer with the sound that it came from."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(TTSStartedFrame())
        await self.push_frame(TTSAudioRawFrame(self._ears.last, self._ears.sample_rate, 1))
        await self.push_frame(TTSStoppedFrame())
