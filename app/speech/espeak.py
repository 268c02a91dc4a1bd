"""eSpeak NG, which the extra ``speech`` brings along: every language, a robot's voice, no download, at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.errors import Refusal
from app.ingest.pcm import PcmFormat
from app.speech.espeak_link import EspeakDied, EspeakLink
from app.speech.synthesiser import Spoken, Voice
from app.speech.text import PAUSED_AT, pieces_of

DEFAULT_VOICE = "en-us"
PIECE_CHARACTERS = 250  # spoken at a time, some 20 ms of work; then it is another session's turn
YIELD_MS = 200  # of sound


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is. ``identifiers``: by id and by language, in lower case; ``variants``: likewise, such as ``f2``."""

    voices: Sequence[Voice]
    identifiers: Mapping[str, str]
    variants: Mapping[str, str]

    def find(self, voice: str) -> str | None:
        """Return how the library calls a voice such as ``en-gb`` or ``de+f3``; None where it has none."""
        name, plus, variant = voice.lower().replace("_", "-").partition("+")
        identifier, kind = self.identifiers.get(name), self.variants.get(variant)
        if identifier is None or (plus and kind is None):
            return None
        return f"{identifier}+{kind}" if plus else identifier


class Espeak:
    """Speaks with the library at ``library`` and its data in ``data``, piece by piece, every session in its turn.

    Bound: one piece's sound for each text that is being spoken.
    """

    def __init__(self, library: str, data: str, default_voice: str = "") -> None:
        self.default_voice = default_voice or DEFAULT_VOICE
        self._link = EspeakLink(library, data)
        self._data = Path(data)
        self._catalogue: Catalogue | None = None

    async def voices(self) -> Sequence[Voice]:
        """See :class:`Synthesiser`."""
        return (await self._known()).voices

    def speak(self, text: str, voice: str) -> AbstractAsyncContextManager[Spoken]:
        """See :class:`Synthesiser`."""
        return self._speaking(text, voice)

    async def aclose(self) -> None:
        """See :class:`Synthesiser`."""
        await self._link.aclose()

    @asynccontextmanager
    async def _speaking(self, text: str, voice: str) -> AsyncIterator[Spoken]:
        identifier = (await self._known()).find(voice)
        if identifier is None:
            raise Refusal("no_such_voice", f'There is no voice "{voice[:64]}"; list them at /api/voices.')
        format = PcmFormat("pcm_s16le", 1, self._link.rate)
        async with aclosing(self._pieces(text, identifier, format)) as pieces:
            yield Spoken(format, pieces)

    async def _pieces(self, text: str, identifier: str, format: PcmFormat) -> AsyncGenerator[bytes, None]:
        step = format.sample_rate * YIELD_MS // 1000 * format.bytes_per_sample
        pieces = list(pieces_of(text, PIECE_CHARACTERS))
        for at, piece in enumerate(pieces):
            pause = at + 1 < len(pieces) and piece[-1] in PAUSED_AT
            try:
                sound = await self._link.ask(voice=identifier, text=piece, pause=pause)
            except EspeakDied:
                raise Refusal(
                    "speech_failed",
                    f"The built-in voice cannot say this: {piece[:40]!r}…; leave out unusual characters.",
                ) from None
            for start in range(0, len(sound), step):
                yield sound[start : start + step]

    async def _known(self) -> Catalogue:
        if self._catalogue is None:
            try:
                listed = json.loads(await self._link.ask())
            except EspeakDied:
                raise Refusal(
                    "speech_unavailable",
                    "The built-in voice does not start; install it again with "
                    "pip install --force-reinstall espeakng-loader.",
                ) from None
            self._catalogue = await asyncio.to_thread(_catalogue, listed, self._data)
        return self._catalogue


def _catalogue(listed: Sequence[dict[str, object]], data: Path) -> Catalogue:
    """``listed``: what the process answers. A language's voice is the one that says it is the nearest to it."""
    voices: list[Voice] = []
    ids: dict[str, str] = {}
    nearest: dict[str, tuple[int, str]] = {}
    for entry in listed:
        identifier, languages = str(entry["identifier"]), entry["languages"]
        assert isinstance(languages, list)
        id = identifier.rsplit("/", 1)[-1].lower()
        ids[id] = identifier
        voices.append(Voice(id, str(entry["name"]), languages[0][1]))
        for distance, tag in languages:
            if tag not in nearest or distance < nearest[tag][0]:
                nearest[tag] = (distance, identifier)
    identifiers = {tag.lower(): identifier for tag, (_, identifier) in nearest.items()} | ids
    variants = {path.name.lower(): path.name for path in sorted((data / "voices" / "!v").glob("*"))}
    return Catalogue(voices, identifiers, variants)
