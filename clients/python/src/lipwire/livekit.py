"""A face for LiveKit Agents: ``LipwireAvatar`` is where an ``AgentSession`` sends its voice."""

from __future__ import annotations

import asyncio
import logging
import time
from types import TracebackType
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, UserStateChangedEvent
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

import lipwire
from lipwire._speaker import Speaker
from lipwire._spoken import Listener, Spoken

logger = logging.getLogger("lipwire")


class FaceAudioOutput(AudioOutput):
    """The voice's way to a face: each segment is one utterance, and tells once how much of it was heard.

    Bound: ``capture_frame`` waits while the speaker's queue is full.
    """

    def __init__(self, face: lipwire.Face) -> None:
        super().__init__(label="Lipwire", capabilities=AudioOutputCapabilities(pause=False))
        self._speaker = Speaker(face, Listener(self._started, self._finished, self._passed, self._lost))
        self._segment: Spoken | None = None  # between its first frame and its flush
        self._clearing: asyncio.Task[None] | None = None
        self._speaker.start()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Send sound; what comes of a segment that was cleared is dropped."""
        await self._speaker.room()
        while self._clearing is not None and not self._clearing.done():
            await asyncio.shield(self._clearing)
        await super().capture_frame(frame)  # counts a segment, which must then be told of: no waiting from here on
        if self._segment is None:
            self._segment = self._speaker.begin(None, frame.sample_rate, frame.num_channels)
            if self._speaker.over:
                self._report(self._segment)
        if not self._segment.finished and self._speaker.open is self._segment:
            self._speaker.sound(frame.data.tobytes())

    def flush(self) -> None:
        """End the segment."""
        super().flush()
        self._segment = None
        self._speaker.end()

    def clear_buffer(self) -> None:
        """Fall silent, and drop all that was not heard."""
        if not self._speaker.idle and (self._clearing is None or self._clearing.done()):
            self._clearing = asyncio.create_task(self._speaker.interrupt(), name="lipwire clear")

    async def aclose(self) -> None:
        """Stop; segments that were not heard to their ends are told as interrupted."""
        if self._clearing is not None:
            await self._clearing
        await self._speaker.aclose()

    async def _started(self, spoken: Spoken) -> None:
        if spoken.sample_rate:  # not somebody else's
            self.on_playback_started(created_at=time.time())

    async def _finished(self, spoken: Spoken) -> None:
        if spoken.sample_rate:
            self._report(spoken)

    async def _passed(self) -> None:
        pass

    async def _lost(self, error: Exception | None) -> None:
        logger.error("the face is gone, and what is said from here on is not heard: %s", error or "its session ended")

    def _report(self, spoken: Spoken) -> None:
        self.on_playback_finished(
            playback_position=spoken.played_ms / 1000, interrupted=spoken.interrupted or self._speaker.over
        )


class LipwireAvatar:
    """Let a Lipwire face say what an agent says; browsers watch it at ``avatar.face.watch_url``, not in the room.

    While the user speaks the face attends to them.

    ``avatar = LipwireAvatar(url)``, then ``await avatar.start(session)`` before ``await session.start(…)``, and
    ``await avatar.aclose()`` at the end. A face cannot pause: start the session with
    ``turn_handling={"interruption": {"resume_false_interruption": False}}``, or it warns.
    """

    def __init__(self, url: str | None = None, *, face: lipwire.Face | None = None, **session: Any) -> None:
        """``url`` and ``session`` go to :func:`lipwire.connect`; or give a ``face``, which stays yours to close."""
        self._url, self._session = url, session
        self._face, self._ours = face, face is None
        self._audio: FaceAudioOutput | None = None

    @property
    def face(self) -> lipwire.Face:
        """The face, once it was started."""
        if self._face is None:
            raise RuntimeError("There is no face yet: await avatar.start(session) first.")
        return self._face

    @property
    def audio(self) -> FaceAudioOutput:
        """What ``session.output.audio`` is to be, once it was started."""
        if self._audio is None:
            raise RuntimeError("There is no face yet: await avatar.start(session) first.")
        return self._audio

    async def start(self, session: AgentSession[Any] | None = None) -> None:
        """Make a session with Lipwire, unless a face was given, and send the agent's voice there.

        Raises:
            lipwire.LipwireError: when there is no face to be had.
        """
        if self._audio is None:
            if self._face is None:
                self._face = await lipwire.connect(self._url, **self._session)
            self._audio = FaceAudioOutput(self._face)
        if session is not None:
            session.output.audio = self._audio
            session.on("user_state_changed", self._listen)

    def _listen(self, event: UserStateChangedEvent) -> None:
        """Let the face attend to a user who speaks."""
        self.face.listening("begin" if event.new_state == "speaking" else "end")

    async def aclose(self) -> None:
        """Leave; a session that was made here ends. Again is fine."""
        if self._audio is not None:
            await self._audio.aclose()
        if self._ours and self._face is not None:
            await self._face.aclose()

    async def __aenter__(self) -> LipwireAvatar:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
