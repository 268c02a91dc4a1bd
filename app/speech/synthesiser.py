"""The seam: what speaks a text, and what it gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from app.ingest.pcm import PcmFormat


@dataclass(frozen=True, slots=True)
class Voice:
    """Who may speak. ``id``: as :meth:`Synthesiser.speak` takes it; ``language``: a tag such as ``en-gb``, or empty."""

    id: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text's sound as it is made: of one format, in pieces of any number of bytes that end between samples."""

    format: PcmFormat
    pieces: AsyncIterator[bytes]


class Synthesiser(Protocol):
    """Speaks texts of any number of sessions at once. On the event loop, which it never blocks."""

    @property
    def default_voice(self) -> str:
        """The voice that speaks where none is named."""
        ...

    async def voices(self) -> Sequence[Voice]:
        """Return the voices that are known; there may be more.

        Raises:
            Refusal: ``speech_unavailable``.
        """
        ...

    def speak(self, text: str, voice: str) -> AbstractAsyncContextManager[Spoken]:
        """Speak a text, made for speaking by ``spoken_text``, while the context lasts: leaving it gives up the rest.

        Raises:
            Refusal: on entering, where nothing can be spoken: ``no_such_voice``, ``speech_unavailable`` or
                ``speech_failed``; from ``pieces`` later, where it broke off: ``speech_failed``.
        """
        ...

    async def aclose(self) -> None:
        """End what it started; again is fine."""
        ...
