"""What sessions may be asked for: engines and voices."""

from __future__ import annotations

from dataclasses import asdict
from typing import Protocol

from starlette.concurrency import run_in_threadpool

from app.api.models import EngineList, EngineView, VoiceList, VoiceView
from app.inference.engines.registry import Engines
from app.speech.speech import Speech


class Offer(Protocol):
    """Who knows which engines can run, and who speaks texts."""

    async def engines(self) -> EngineList:
        """Return all engines."""
        ...

    async def voices(self) -> VoiceList:
        """Return all voices."""
        ...


class OwnOffer:
    """What this very machine has."""

    def __init__(self, engines: Engines, speech: Speech) -> None:
        self._engines, self._speech = engines, speech

    async def engines(self) -> EngineList:
        """See :class:`Offer`."""
        return await run_in_threadpool(_engines, self._engines)

    async def voices(self) -> VoiceList:
        """See :class:`Offer`."""
        known = await self._speech.voices()
        views = [VoiceView(**asdict(voice)) for voice in known.voices]
        return VoiceList(voices=views, default=known.default, why=known.why)


def _engines(engines: Engines) -> EngineList:
    views = [EngineView(**asdict(status)) for status in engines.statuses()]
    return EngineList(engines=views, auto=engines.resolve("auto"))
