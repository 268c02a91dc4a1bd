from __future__ import annotations

import importlib.util

import pytest

from app.errors import Refusal
from app.speech.espeak import Espeak
from app.speech.openai_compatible import OpenAiCompatible, OpenAiServer
from app.speech.speech import Speech, find_speech
from app.speech.text import MOST_CHARACTERS


async def code_of(speech: Speech, text: str, voice: str | None = None) -> str:
    with pytest.raises(Refusal) as caught:
        async with speech.speak(text, voice):
            pass
    return caught.value.code


async def test_a_server_goes_before_the_built_in_voice() -> None:
    with_server, without = find_speech(OpenAiServer("http://127.0.0.1:1")), find_speech(OpenAiServer(""))
    assert isinstance(with_server._synthesiser, OpenAiCompatible)
    assert isinstance(without._synthesiser, Espeak)
    for speech in (with_server, without):
        await speech.aclose()


async def test_the_built_in_voice_speaks_and_is_listed() -> None:
    speech = find_speech(OpenAiServer("", voice="de"))
    async with speech.speak("Guten Tag.") as spoken:
        assert len(b"".join([piece async for piece in spoken.pieces])) > 10_000
    voices = await speech.voices()
    assert (voices.default, voices.why) == ("de", "") and len(voices.voices) > 100
    await speech.aclose()
    await speech.aclose()


async def test_nothing_that_speaks_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    speech = find_speech(OpenAiServer(""))
    assert await code_of(speech, "Hello.") == "speech_unavailable"
    voices = await speech.voices()
    assert (voices.voices, voices.default) == ((), None)
    assert "lipwire-server[speech]" in voices.why and "LIPWIRE_SPEECH_URL" in voices.why
    await speech.aclose()


async def test_what_cannot_be_spoken_is_refused_when_its_turn_comes() -> None:
    speech = find_speech(OpenAiServer(""))
    assert await code_of(speech, "  \n") == "text_empty"
    assert await code_of(speech, "x" * (MOST_CHARACTERS + 1)) == "text_too_long"
    assert await code_of(speech, "Hello.", "nobody") == "no_such_voice"
    await speech.aclose()
