"""The pipeline of one visitor: ears, brain, voice, face."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from brains import EchoingBrain, ScriptedBrain
from ears import CountingEars
from espeak import Espeak
from lipwire import Face
from lipwire.pipecat import LipwireVideoService
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InterruptionFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from voice import EspeakTTSService

MICROPHONE_RATE = 16_000
INSTRUCTIONS = "You are a friendly face on a screen. Your answers are spoken: one to three short sentences, no lists."

Tell = Callable[[str], Awaitable[None]]  # one JSON message to the page


@dataclass(frozen=True)
class Setting:
    """Where the parts are. ``brain``: ``script``, ``echo``, or an OpenAI-compatible address; ``ears``: one, or none."""

    lipwire: str = "http://127.0.0.1:8000"
    avatar: str = "default"
    brain: str = "script"
    model: str = ""
    ears: str = ""
    ears_model: str = "whisper-1"
    key: str = "none"


class Teller(FrameProcessor):
    """Tells the page what goes on; stands at the end, where only that arrives which was heard."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Tell of what a visitor would like to know, and let all pass."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSTextFrame):
            await self._tell(json.dumps({"type": "said", "text": frame.text}))
        elif name := _TOLD.get(type(frame)):
            await self._tell(json.dumps({"type": name}))
        await self.push_frame(frame, direction)


_TOLD: dict[type[Frame], str] = {
    UserStartedSpeakingFrame: "you speak",
    UserStoppedSpeakingFrame: "you stopped",
    BotStartedSpeakingFrame: "face speaks",
    BotStoppedSpeakingFrame: "face stopped",
    InterruptionFrame: "interrupted",
}


def make_agent(setting: Setting, espeak: Espeak, tell: Tell) -> tuple[PipelineWorker, LLMContext]:
    """Put the pipeline together. Give it the microphone's sound as ``InputAudioRawFrame``."""
    context = LLMContext([{"role": "system", "content": INSTRUCTIONS}])
    # silence and the end of a turn are found by Silero and Smart Turn, which both come inside Pipecat's wheel
    turns = LLMContextAggregatorPair(context, user_params=LLMUserAggregatorParams())
    counting = CountingEars()
    face = LipwireVideoService(setting.lipwire, avatar=setting.avatar)

    async def ready(service: LipwireVideoService, made: Face) -> None:
        await tell(json.dumps({"type": "face", "watch": made.watch_url}))

    face.add_event_handler("on_face_ready", ready)
    pipeline = Pipeline(
        [
            VADProcessor(vad_analyzer=SileroVADAnalyzer(sample_rate=MICROPHONE_RATE)),
            _ears(setting, counting),
            turns.user(),
            _brain(setting, counting),
            EspeakTTSService(espeak),
            face,
            Teller(tell),
            turns.assistant(),
        ]
    )
    params = PipelineParams(audio_in_sample_rate=MICROPHONE_RATE, audio_out_sample_rate=espeak.sample_rate)
    return PipelineWorker(pipeline, params=params, idle_timeout_secs=None, enable_rtvi=False), context


def _ears(setting: Setting, offline: CountingEars) -> FrameProcessor:
    if not setting.ears:
        return offline
    from pipecat.services.openai.stt import OpenAISTTService

    return OpenAISTTService(
        base_url=setting.ears, api_key=setting.key, settings=OpenAISTTService.Settings(model=setting.ears_model)
    )


def _brain(setting: Setting, ears: CountingEars) -> FrameProcessor:
    if setting.brain == "script":
        return ScriptedBrain()
    if setting.brain == "echo":
        return EchoingBrain(ears)
    from pipecat.services.openai.llm import OpenAILLMService

    return OpenAILLMService(
        base_url=setting.brain, api_key=setting.key, settings=OpenAILLMService.Settings(model=setting.model)
    )
