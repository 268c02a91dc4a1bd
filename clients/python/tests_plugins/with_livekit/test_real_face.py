"""A real ``AgentSession`` before a real Lipwire server (``LIPWIRE_TEST_URL``)."""

from __future__ import annotations

import asyncio
import os

import pytest
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.transcription import TranscriptSynchronizer

import lipwire
from lipwire.livekit import LipwireAvatar
from with_livekit.scripted import WORD_MS, Humming, ScriptedModel

URL = os.environ.get("LIPWIRE_TEST_URL", "")
pytestmark = pytest.mark.skipif(not URL, reason="LIPWIRE_TEST_URL names no server: run make test-plugins")

COUNT = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."
DEADLINE_S = 60


async def test_an_answer_is_heard_whole_and_the_next_one_is_interrupted() -> None:
    async with LipwireAvatar(URL, avatar="default") as avatar:
        ends: list[lipwire.SpeakingFinished] = []
        positions: list[tuple[float, bool]] = []
        avatar.audio.on(
            "playback_finished", lambda event: positions.append((event.playback_position, event.interrupted))
        )
        started = asyncio.Event()
        avatar.audio.on("playback_started", lambda event: started.set())

        async def listen() -> None:
            async for event in avatar.face:
                if isinstance(event, lipwire.SpeakingFinished):
                    ends.append(event)

        listening = asyncio.create_task(listen())
        session: AgentSession[None] = AgentSession(llm=ScriptedModel("Three words here.", COUNT), tts=Humming())
        heard = TranscriptSynchronizer(next_in_chain_audio=avatar.audio, next_in_chain_text=None)  # as in a room
        session.output.audio, session.output.transcription = heard.audio_output, heard.text_output
        await session.start(Agent(instructions=""))

        await asyncio.wait_for(session.generate_reply(user_input="Say something."), DEADLINE_S)
        assert len(ends) == 1 and not ends[0].interrupted
        assert 3 * WORD_MS <= ends[0].played_ms <= 3 * WORD_MS + 200

        started.clear()
        reply = session.generate_reply(user_input="Count.")
        await asyncio.wait_for(started.wait(), DEADLINE_S)
        await asyncio.sleep(1)
        await session.interrupt()
        await asyncio.wait_for(reply, DEADLINE_S)
        assert len(ends) == 2 and ends[1].interrupted
        assert 0 < ends[1].played_ms < 16 * WORD_MS
        assert positions[1] == (ends[1].played_ms / 1000, True)  # to the millisecond what the server says
        answers = [item for item in session.history.items if item.type == "message" and item.role == "assistant"]
        assert answers[1].interrupted and len(answers[1].text_content or "") < len(COUNT)
        await session.aclose()
        await heard.aclose()
        listening.cancel()
