"""A real ``AgentSession``, without a room, before a face that plays what a test lets it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livekit.agents import Agent, AgentSession
from livekit.agents.voice.transcription import TranscriptSynchronizer

from fake_face import FakeFace
from lipwire.livekit import LipwireAvatar
from with_livekit.scripted import WORD_MS, Humming, ScriptedModel


async def until(met: Callable[[], object]) -> None:
    async def wait() -> None:
        while not met():
            await asyncio.sleep(0.005)

    await asyncio.wait_for(wait(), 20)


def answers(session: AgentSession[None]) -> list[tuple[str, bool]]:
    items = (item for item in session.history.items if item.type == "message" and item.role == "assistant")
    return [((item.text_content or "").strip(), item.interrupted) for item in items]


async def test_an_answer_is_spoken_to_its_end() -> None:
    face = FakeFace()
    async with LipwireAvatar(face=face) as avatar:  # type: ignore[arg-type]
        session: AgentSession[None] = AgentSession(llm=ScriptedModel("Five words are said here."), tts=Humming())
        await avatar.start(session)
        await session.start(Agent(instructions=""))
        await asyncio.wait_for(session.generate_reply(user_input="Say something."), 20)
        assert len(face.utterances) == 1
        assert 5 * WORD_MS <= face.utterances[0].played_ms <= 5 * WORD_MS + 100  # LiveKit fills up the last frame
        assert answers(session) == [("Five words are said here.", False)]
        await session.aclose()


async def test_an_interrupted_answer_is_cut_short_and_the_next_one_is_spoken() -> None:
    face = FakeFace(plays_ms=900)
    async with LipwireAvatar(face=face) as avatar:  # type: ignore[arg-type]
        model = ScriptedModel("One two three four five six seven eight nine ten.", "Then this.")
        session: AgentSession[None] = AgentSession(llm=model, tts=Humming())
        await avatar.start()
        heard = TranscriptSynchronizer(next_in_chain_audio=avatar.audio, next_in_chain_text=None)  # as in a room
        session.output.audio, session.output.transcription = heard.audio_output, heard.text_output
        await session.start(Agent(instructions=""))
        reply = session.generate_reply(user_input="Count.")
        await until(lambda: face.utterances and face.utterances[0].played_ms == 900)
        await session.interrupt()
        await asyncio.wait_for(reply, 20)
        assert face.utterances[0].interrupted
        (said, interrupted), *_ = [*answers(session), ("", True)]
        assert interrupted and len(said) < len("One two three four five six seven eight nine ten.")

        face.hear(10_000)
        await asyncio.wait_for(session.generate_reply(user_input="And then?"), 20)
        assert not face.utterances[-1].interrupted
        assert ("Then this.", False) in answers(session)
        await session.aclose()
        await heard.aclose()


async def test_the_face_attends_while_the_user_speaks() -> None:
    face = FakeFace()
    async with LipwireAvatar(face=face) as avatar:  # type: ignore[arg-type]
        session: AgentSession[None] = AgentSession(llm=ScriptedModel("Yes."), tts=Humming())
        await avatar.start(session)
        await session.start(Agent(instructions=""))
        session._update_user_state("speaking")
        session._update_user_state("listening")
        await until(lambda: len(face.hints) == 2)
        assert face.hints == ["begin", "end"]
        await session.aclose()
