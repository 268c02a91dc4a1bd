"""A text that a synthesiser speaks, on its way into a session."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from app.clock import Clock
from app.errors import Refusal
from app.media import NS_PER_MS, NS_PER_S
from app.sessions.cutter import Cutter
from app.sessions.utterances import Utterance, Utterances
from app.speech.synthesiser import Spoken

AHEAD_NS = 200 * NS_PER_MS  # of its time, by which a text's sound is handed on where it is paced, as a microphone's is


@dataclass(frozen=True, slots=True)
class Text:
    """What is to be said: an utterance, and the words as a synthesiser will speak them."""

    utterance: Utterance
    words: AbstractAsyncContextManager[Spoken]


class Narrator:
    """Cuts what a synthesiser speaks, a text at a time; ``paced``: no faster than it is heard."""

    def __init__(self, cutter: Cutter, utterances: Utterances, clock: Clock, paced: bool) -> None:
        self._cutter, self._utterances, self._clock, self._paced = cutter, utterances, clock, paced
        self._saying: asyncio.Task[None] | None = None

    @property
    def speaks(self) -> bool:
        """Whether a text is being spoken."""
        return self._saying is not None

    async def say(self, text: Text) -> None:
        """Hand on a text's sound as it comes, until an interrupt."""
        self._saying = saying = asyncio.create_task(self._cut_spoken(text), name="say")
        try:
            await asyncio.wait({saying})
        finally:
            self._saying = None
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
        if not saying.cancelled():
            saying.result()

    def interrupt(self) -> None:
        """Give up the text that is being spoken."""
        if self._saying is not None:
            self._saying.cancel()

    async def _cut_spoken(self, text: Text) -> None:
        generation, cut_bytes, begun_ns = self._cutter.generation, 0, self._clock.now_ns()
        self._utterances.begin(text.utterance, self._cutter.next_pts)
        try:
            async with text.words as spoken:
                self._cutter.expect(spoken.format)
                byte_ns = NS_PER_S / (spoken.format.sample_rate * spoken.format.bytes_per_sample)
                async for piece in spoken.pieces:
                    if self._paced:
                        await self._clock.sleep_until(begun_ns + round(cut_bytes * byte_ns) - AHEAD_NS)
                    await self._cutter.cut(piece)
                    cut_bytes += len(piece)
        except Refusal as why:
            if generation == self._cutter.generation:
                self._utterances.fail(text.utterance, why)
        if generation == self._cutter.generation:
            self._cutter.flush()
            self._utterances.close(text.utterance, self._cutter.next_pts)
