"""What speaks a text here: the server that was set, else the library that is installed, else nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from app.errors import Refusal
from app.speech.espeak import Espeak
from app.speech.openai_compatible import OpenAiCompatible, OpenAiServer
from app.speech.synthesiser import Spoken, Synthesiser, Voice
from app.speech.text import spoken_text

NOTHING_SPEAKS = (
    "Nothing here speaks a text: install the built-in voice with pip install 'lipwire-server[speech]', "
    "or set LIPWIRE_SPEECH_URL to a server that does."
)


@dataclass(frozen=True, slots=True)
class Voices:
    """Who may speak. ``default``: None where nobody can, and ``why`` says what is missing."""

    voices: Sequence[Voice]
    default: str | None
    why: str = ""


class Speech:
    """Speaks texts for all sessions. ``synthesiser``: None where there is none. On the event loop."""

    def __init__(self, synthesiser: Synthesiser | None) -> None:
        self._synthesiser = synthesiser

    def speak(self, text: str, voice: str | None = None) -> AbstractAsyncContextManager[Spoken]:
        """Speak a text while the context lasts; leaving it, or cancelling, gives up the rest.

        Nothing is done before it is entered. Bound: ``MOST_CHARACTERS`` of the text are kept for that.

        Raises:
            Refusal: on entering, where nothing can be spoken: ``text_too_long``, ``text_empty``, ``no_such_voice``,
                ``speech_unavailable``, ``speech_failed``; from its pieces, where it broke off: ``speech_failed``.
        """
        if self._synthesiser is None:
            return _refused(Refusal("speech_unavailable", NOTHING_SPEAKS))
        try:
            said = spoken_text(text)
        except Refusal as refusal:
            return _refused(refusal)
        return self._synthesiser.speak(said, voice or self._synthesiser.default_voice)

    async def voices(self) -> Voices:
        """List who may speak."""
        if self._synthesiser is None:
            return Voices((), None, NOTHING_SPEAKS)
        try:
            return Voices(await self._synthesiser.voices(), self._synthesiser.default_voice)
        except Refusal as refusal:
            return Voices((), None, refusal.message)

    async def aclose(self) -> None:
        """End what was started for it; again is fine."""
        if self._synthesiser is not None:
            await self._synthesiser.aclose()


@asynccontextmanager
async def _refused(refusal: Refusal) -> AsyncIterator[Spoken]:
    raise refusal
    yield


def find_speech(server: OpenAiServer) -> Speech:
    """Take the server where it has an address, else eSpeak NG where it is installed."""
    if server.url:
        return Speech(OpenAiCompatible(server))
    if importlib.util.find_spec("espeakng_loader") is None:
        return Speech(None)
    import espeakng_loader

    return Speech(Espeak(espeakng_loader.get_library_path(), espeakng_loader.get_data_path(), server.voice))
