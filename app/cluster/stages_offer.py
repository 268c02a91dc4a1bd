"""What the stages have: a session may be asked for what any of them can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.api.models import EngineList, EngineView, VoiceList
from app.api.offer import Offer
from app.clock import Clock
from app.cluster.card import Card, EngineCard
from app.cluster.placing import LACKS_ENGINE
from app.cluster.roll import Roll
from app.cluster.whereabouts import Whereabouts
from app.errors import Refusal
from app.media import NS_PER_S

ASKED_MOST = 8  # stages that are asked for their voices; they have the same in most clusters
VOICES_NS = 30 * NS_PER_S  # that the answer is good for


class StagesOffer:
    """Engines are on the stages' cards, voices are asked for over HTTP; while no stage says, the front's own count."""

    def __init__(self, own: Offer, whereabouts: Whereabouts, roll: Roll, clock: Clock) -> None:
        self._own, self._whereabouts, self._roll, self._clock = own, whereabouts, roll, clock
        self._voices: VoiceList | None = None
        self._voices_ns = 0

    async def engines(self) -> EngineList:
        """See :class:`Offer`."""
        cards = _open(await self._whereabouts.cards())
        if not cards:
            return await self._own.engines()
        best: dict[str, EngineCard] = {}
        for engine in (engine for card in cards for engine in card.engines):
            if engine.name not in best or (engine.available and not best[engine.name].available):
                best[engine.name] = engine
        views = [EngineView(name=each.name, available=each.available, why=each.why) for each in best.values()]
        return EngineList(engines=views, auto=Counter(card.auto for card in cards).most_common(1)[0][0])

    async def voices(self) -> VoiceList:
        """See :class:`Offer`."""
        now_ns = self._clock.now_ns()
        if self._voices is None or now_ns - self._voices_ns >= VOICES_NS:
            lists = await self._roll.voices(_open(await self._whereabouts.cards())[:ASKED_MOST])
            if not lists:
                return self._voices or await self._own.voices()
            self._voices, self._voices_ns = _all_of(lists), now_ns
        return self._voices


def require_engine(name: str, cards: Sequence[Card]) -> None:
    """Look whether a stage can run an engine, as far as they say.

    Raises:
        Refusal: ``engine_unavailable``.
    """
    found = [engine for card in _open(cards) for engine in card.engines if engine.name == name]
    if found and not any(engine.available for engine in found):
        raise Refusal(LACKS_ENGINE, f"No stage can run this engine. {found[0].why}")


def _open(cards: Sequence[Card]) -> list[Card]:
    """Return who may be given sessions, of those who say what they can."""
    return [card for card in cards if card.engines and not card.draining]


def _all_of(lists: Sequence[VoiceList]) -> VoiceList:
    """Put lists into one; who speaks where no voice is named is the first stage's that has any."""
    speaking = [each for each in lists if each.default is not None]
    if not speaking:
        return lists[0]
    voices = {voice.id: voice for each in speaking for voice in each.voices}
    return VoiceList(voices=list(voices.values()), default=speaking[0].default, why="")
