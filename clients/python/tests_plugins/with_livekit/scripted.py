"""A language model that answers from a list, and a voice that hums."""

from __future__ import annotations

import math
import struct
from typing import Any

from livekit.agents import llm, tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

RATE = 24_000
WORD_MS = 200


class ScriptedModel(llm.LLM[Any]):
    """Gives its answers one after the other, whatever was asked."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self._answers = list(answers)

    def chat(self, *, chat_ctx: llm.ChatContext, tools: list[Any] | None = None, **options: Any) -> llm.LLMStream:
        conn = options.get("conn_options", DEFAULT_API_CONNECT_OPTIONS)
        return _Answer(self, self._answers.pop(0), chat_ctx=chat_ctx, tools=tools or [], conn_options=conn)


class _Answer(llm.LLMStream):
    def __init__(self, model: llm.LLM[Any], text: str, **options: Any) -> None:
        super().__init__(model, **options)
        self._text = text

    async def _run(self) -> None:
        for word in self._text.split(" "):
            delta = llm.ChoiceDelta(role="assistant", content=word + " ")
            self._event_ch.send_nowait(llm.ChatChunk(id="answer", delta=delta))


class Humming(tts.TTS[Any]):
    """A tone of 200 ms a word, all at once."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Hum(tts=self, input_text=text, conn_options=conn_options)


class _Hum(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id="hum", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        samples = len(self.input_text.split()) * WORD_MS * RATE // 1000
        tone = (int(9000 * math.sin(2 * math.pi * 220 * n / RATE)) for n in range(samples))
        output_emitter.push(b"".join(struct.pack("<h", value) for value in tone))
        output_emitter.flush()
