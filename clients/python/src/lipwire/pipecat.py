"""A face for Pipecat: ``LipwireVideoService`` stands between text-to-speech and the transport's output."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from pipecat.frames.frames import (
    BotSpeakingFrame,
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    HeartbeatFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMMessagesAppendFrame,
    MixerControlFrame,
    OutputAudioRawFrame,
    OutputImageRawFrame,
    SpriteFrame,
    StartFrame,
    SystemFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.ai_service import AIService
from pipecat.services.settings import ServiceSettings

import lipwire
from lipwire._script import Held, Script, words_heard
from lipwire._speaker import Speaker
from lipwire._spoken import Listener, Spoken

BOT_SPEAKING_EVERY_S = 0.2
FORGOTTEN_STOP_S = 3.0  # of silence, before an utterance that was never stopped is taken to be over


class LipwireVideoService(AIService):
    """Let a Lipwire face say what text-to-speech synthesises; browsers watch the face at ``service.face.watch_url``.

    ``Pipeline([transport.input(), stt, user, llm, tts, LipwireVideoService(…), transport.output(), assistant])``

    ``TTSAudioRawFrame`` end here, so that the transport's output does not play the voice a second time. The text that
    was synthesised goes on once it was heard, so that the context holds what was said, and after an interruption no
    more than that. ``BotStartedSpeakingFrame`` and ``BotStoppedSpeakingFrame`` tell, both ways, when the face really
    speaks. While the user speaks the face attends, and nods where their phrases end: it hears that in the
    ``InputAudioRawFrame`` that come by, and is told by ``UserStartedSpeakingFrame`` and ``UserStoppedSpeakingFrame``.

    Events: ``on_face_ready(service, face)`` once there is a session.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        face: lipwire.Face | None = None,
        settings: ServiceSettings | None = None,
        processor: dict[str, Any] | None = None,
        **session: Any,
    ) -> None:
        """``url`` and ``session`` go to :func:`lipwire.connect`; or give a ``face``, which stays yours to close.

        ``processor``: further arguments for Pipecat's ``FrameProcessor``.
        """
        super().__init__(settings=settings or ServiceSettings(model=None), **(processor or {}))
        self._url, self._session = url, session
        self._face, self._ours = face, face is None
        self._speaker: Speaker | None = None
        self._script: Script[Frame] = Script()
        self._releasing = asyncio.Lock()  # frames go on in order, and none while an interruption is under way
        self._news = asyncio.Event()
        self._context: str | None = None  # whose sound comes now
        self._early: list[Frame] | None = None  # words that came before their sound; None unless it is awaited
        self._cut: set[str | None] = set()  # contexts that the last interruption ended: more of them may still come
        self._speaking = False
        self._sound_came_ns = 0
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []
        self._elsewhere: asyncio.Task[None] | None = None
        self._register_event_handler("on_face_ready")

    @property
    def face(self) -> lipwire.Face:
        """The face; there is one once the pipeline has been set up."""
        if self._face is None:
            raise RuntimeError("The face is there once the pipeline has started: use the event on_face_ready.")
        return self._face

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as FrameProcessor has it
        """Make a session, unless a face was given, and listen to it."""
        await super().setup(setup)
        if self._face is None:
            try:
                self._face = await lipwire.connect(self._url, **self._session)
            except lipwire.LipwireError as error:
                await self.push_error(f"There is no face: {error}", error, force_treat_as_permanent=True)
                return
        self._speaker = Speaker(self._face, Listener(self._started, self._finished, self._passed, self._lost))
        self._speaker.start()
        self._tasks = [
            self.create_task(self._release_in_time(), "lipwire release"),
            self.create_task(self._tick(), "lipwire speaking"),
        ]
        await self._call_event_handler("on_face_ready", self._face)

    async def stop(self, frame: EndFrame) -> None:
        """Let everything be heard that was sent, then leave."""
        await super().stop(frame)
        if self._speaker is not None:
            self._speaker.end()
            await self._speaker.wait_idle()
            if self._elsewhere is not None:
                await self._elsewhere
            await self._release()
        await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        """Fall silent and leave."""
        await super().cancel(frame)
        if self._speaker is not None and not self._closing and not self._ours:
            await self._speaker.interrupt()  # a face of ours ends with its session
        await self._close()

    async def cleanup(self) -> None:
        """Leave, if neither an end nor a cancellation came."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Send what is to be spoken to the face; let all else go on, what belongs to the speech once it was heard."""
        await super().process_frame(frame, direction)
        if direction is FrameDirection.DOWNSTREAM:
            self._listen(frame)
        if isinstance(frame, InterruptionFrame):
            await self._interrupt(frame, direction)
        elif isinstance(frame, TTSAudioRawFrame):
            await self._speak(frame)
        elif direction is FrameDirection.UPSTREAM or isinstance(frame, _AT_ONCE) or _is_loose_picture(frame):
            await self.push_frame(frame, direction)
        else:
            if isinstance(frame, (TTSStartedFrame, TTSStoppedFrame)):
                await self._turn_page(frame)
            await self._hold(frame)
            if isinstance(frame, TTSStartedFrame):
                self._early = []

    # From the pipeline to the face

    def _listen(self, frame: Frame) -> None:
        """Let the face attend to whoever speaks to it, and nod where their phrases end."""
        if self._face is None or self._closing:
            return
        if isinstance(frame, InputAudioRawFrame):
            self._face.listen_to(frame.audio, frame.sample_rate, frame.num_channels)
        elif isinstance(frame, (UserStartedSpeakingFrame, UserStoppedSpeakingFrame)):
            self._face.listening("begin" if isinstance(frame, UserStartedSpeakingFrame) else "end")

    async def _turn_page(self, frame: TTSStartedFrame | TTSStoppedFrame) -> None:
        if self._speaker is not None:
            self._speaker.end()
        early, self._early = self._early or [], None
        for word in early:  # of a response without sound
            await self._hold(word)
        self._context = frame.context_id if isinstance(frame, TTSStartedFrame) else None
        if isinstance(frame, TTSStartedFrame):
            self._cut.discard(frame.context_id)

    async def _speak(self, frame: TTSAudioRawFrame) -> None:
        context = frame.context_id or self._context
        if self._speaker is None or context in self._cut:
            return
        await self._speaker.room()
        self._context, self._sound_came_ns = context, self.get_clock().get_time()
        spoken = self._speaker.open
        if spoken is None or (spoken.sample_rate, spoken.channels) != (frame.sample_rate, frame.num_channels):
            spoken = self._speaker.begin(context, frame.sample_rate, frame.num_channels, frame.interruptible)
            self._script.began(spoken, self._sound_came_ns)
        self._speaker.sound(frame.audio)
        early, self._early = self._early or [], None
        for word in early:
            await self._hold(word)

    async def _hold(self, frame: Frame) -> None:
        async with self._releasing:
            speaker = self._speaker
            if self._early is not None and frame.pts and not isinstance(frame, TTSStoppedFrame):
                self._early.append(frame)
                return
            if speaker is None or (speaker.idle and self._script.empty):
                await self.push_frame(frame)
                return
            spoken = speaker.outstanding[-1] if speaker.outstanding else None
            if frame.pts and spoken is not None and not isinstance(frame, TTSStoppedFrame):
                self._script.hold_timed(frame, spoken, frame.pts)
            elif isinstance(frame, TTSTextFrame) and spoken is not None:
                self._script.hold_text(frame, speaker.mark(), spoken)
            else:
                self._script.hold(frame, speaker.mark())
        self._news.set()

    async def _interrupt(self, frame: InterruptionFrame | None, direction: FrameDirection) -> None:
        speaker = self._speaker
        if speaker is None or any(not each.interruptible for each in speaker.outstanding):
            if frame is not None:
                await self.push_frame(frame, direction)
            return
        async with self._releasing:
            self._cut = {self._context, *(each.asked for each in speaker.outstanding)} - {None}
            self._context = None
            silence = asyncio.ensure_future(speaker.interrupt())
            if frame is not None:
                await self.push_frame(frame, direction)
            await silence
            early, self._early = self._early or [], None
            await self._settle([*self._script.cut(), *(Held(word, None, None) for word in early)])

    async def _settle(self, held: list[Held[Frame]]) -> None:
        """Tell the context which words of what was cut were heard, and let go on what must not be lost."""
        text = ""
        for each in held:
            frame = each.item
            if not frame.interruptible:
                await self.push_frame(frame)
            elif isinstance(frame, TTSTextFrame) and frame.append_to_context and each.span is not None:
                part = words_heard(frame.text, each.span.heard())
                text += part if frame.includes_inter_frame_spaces or not (text and part) else " " + part
        if text.strip():
            appended = LLMMessagesAppendFrame(messages=[{"role": "assistant", "content": text}], run_llm=False)
            appended.interruptible = False
            await self.push_frame(appended)

    # From the face to the pipeline

    async def _started(self, spoken: Spoken) -> None:
        now_ns = self.get_clock().get_time()
        if not self._speaking:
            self._speaking = True
            await self.broadcast_frame(BotStartedSpeakingFrame)
        self._script.started(spoken, now_ns)  # only then its first word goes on
        self._news.set()

    async def _finished(self, spoken: Spoken) -> None:
        speaker = self._speaker
        assert speaker is not None
        from_here = speaker.interrupting or self._closing
        if spoken.interrupted and not from_here and not self._interrupted_elsewhere():
            self._elsewhere = self.create_task(self._tell_of_interruption(), "lipwire interrupted elsewhere")
        self._news.set()
        if self._speaking and not speaker.outstanding:
            self._speaking = False
            await self.broadcast_frame(BotStoppedSpeakingFrame)

    def _interrupted_elsewhere(self) -> bool:
        return self._elsewhere is not None and not self._elsewhere.done()

    async def _tell_of_interruption(self) -> None:
        """Let those who generate know that somebody else has cut the voice."""
        await self.broadcast_interruption()  # type: ignore[no-untyped-call]
        await self._interrupt(None, FrameDirection.DOWNSTREAM)

    async def _passed(self) -> None:
        self._news.set()

    async def _lost(self, error: Exception | None) -> None:
        if self._closing:
            return
        async with self._releasing:
            await self._settle(self._script.cut())
        why = error or "its session has ended"
        await self.push_error(f"The face is gone: {why}", error, force_treat_as_permanent=True)

    async def _release(self) -> None:
        async with self._releasing:
            if self._interrupted_elsewhere():
                return
            idle = self._speaker is None or self._speaker.idle
            for frame in self._script.due(self.get_clock().get_time(), idle):
                await self.push_frame(frame)

    async def _release_in_time(self) -> None:
        while True:
            due_ns = self._script.next_due_ns()
            wait_s = None if due_ns is None else max(due_ns - self.get_clock().get_time(), 0) / 1e9
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait_s)
            self._news.clear()
            await self._release()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(BOT_SPEAKING_EVERY_S)
            if self._speaking:
                await self.broadcast_frame(BotSpeakingFrame)
            self._end_what_was_forgotten()

    def _end_what_was_forgotten(self) -> None:
        spoken = self._speaker.open if self._speaker else None
        ends_ns = self._script.ends_ns(spoken) if spoken else None
        if self._speaker and ends_ns is not None:
            silent_ns = self.get_clock().get_time() - max(ends_ns, self._sound_came_ns)
            if silent_ns > FORGOTTEN_STOP_S * 1e9:
                self._speaker.end()

    async def _close(self) -> None:
        if self._closing:
            return
        self._closing = True
        for task in (*self._tasks, self._elsewhere):
            if task is not None and not task.done():
                await self.cancel_task(task)
        if self._speaker is not None:
            await self._speaker.aclose()
        if self._ours and self._face is not None:
            await self._face.aclose()


# what has nothing to do with the voice, or plays beside it
_AT_ONCE = (SystemFrame, StartFrame, EndFrame, HeartbeatFrame, OutputAudioRawFrame, SpriteFrame, MixerControlFrame)


def _is_loose_picture(frame: Frame) -> bool:
    return isinstance(frame, OutputImageRawFrame) and not frame.sync_with_audio
