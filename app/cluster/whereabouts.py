"""Where a session is now: what its reference says, and what the directory knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app.api.whereabouts import At
from app.clock import Clock
from app.cluster.card import Card
from app.cluster.directory import Found, Told, today_utc
from app.cluster.seals import BadSeal, Owner, Seals
from app.cluster.usage import Counted, Usage
from app.errors import Refusal
from app.media import NS_PER_S
from app.session_ref import DOT, bare

CARDS_NS = NS_PER_S // 2  # that cards are good for, before the directory is asked again
OLD_NS = 10 * NS_PER_S  # that they are good for where it does not answer
HEARD_NS = 5 * NS_PER_S  # within which a new directory hears of every stage that lives
MOST_UNTOLD = 10_000
MOVING = "This session is moving to another stage; try again in a second."


class DirectoryDoor(Protocol):
    """The directory, as others reach it. What it does not answer soon is None, and nobody waits for it longer."""

    async def find(self, bare: str, stage: str) -> Found | None:
        """See :meth:`Directory.find`."""
        ...

    async def claim(self, bare: str, stage: str) -> Found | None:
        """See :meth:`Directory.claim`."""
        ...

    async def give_up(self, bare: str) -> None:
        """See :meth:`Directory.give_up`."""
        ...

    async def told(self) -> Told | None:
        """See :meth:`Directory.told`."""
        ...

    async def lose(self, bare: str, owner: str, stage: str) -> bool:
        """See :meth:`Directory.lose`; returns whether it has answered."""
        ...

    async def share_minutes(self, known: Mapping[str, Counted]) -> Mapping[str, Counted] | None:
        """See :meth:`Directory.share_minutes`."""
        ...


class Whereabouts:
    """Knows what there is to know; the seal alone is enough where the directory does not answer.

    What it was told last outlives the directory: where that dies together with a stage, the next one hears of that
    stage's sessions here, and of today's minutes of stages that had left. Bound: the stages that were told of, and
    ``MOST_UNTOLD`` lost sessions that the directory has not been told of; full: the oldest is forgotten.
    """

    def __init__(self, directory: DirectoryDoor, seals: Seals, clock: Clock) -> None:
        self._directory, self._seals, self._clock = directory, seals, clock
        self._cards: Sequence[Card] = ()
        self._read_ns = -OLD_NS  # when the cards came
        self._told: Told | None = None  # at last
        self._usage, self._shared_with = Usage(today_utc), ""  # and with which directory that was shared
        self._missed: tuple[int, Sequence[Card]] = (0, ())  # when another directory began, and what the one before knew
        self._untold: dict[str, str] = {}  # references of lost sessions → their owners

    async def find(self, ref: str, may: Callable[[str], bool] = lambda owner: True) -> At | None:
        """Return where a session is to be asked for; None where it is nowhere.

        ``may``: whether who asks may know of what a key (its id, or none) owns; else they are told what they would be
        of a session that never was.

        Raises:
            Refusal: ``session_moving``.
        """
        owner = self.owner_of(ref)
        if owner is None and DOT in ref:
            return None
        found = await self._directory.find(bare(ref), owner.stage if owner else "")
        if found is not None and found.owner is not None and not may(found.owner):
            found = Found(found.otherwise)
        return _at(found, ref, owner)

    async def stage_of(self, ref: str) -> At | None:
        """Return the stage that a reference names, where that lives, whatever became of the session."""
        owner = self.owner_of(ref)
        if owner is None or owner.stage not in {card.stage for card in await self.cards()}:
            return None
        return At(ref, owner.url)

    async def claim(self, ref: str) -> At | None:
        """Do the same for who would revive it: None where nobody has it, and who asks is the one who may.

        Raises:
            Refusal: ``session_moving``; ``no_such_session`` where it has ended, or there never was any.
        """
        owner = self.owner_of(ref)
        if owner is None:
            raise _no_such_session(ref)
        found = await self._directory.claim(bare(ref), owner.stage)
        if found is not None and found.state in ("ended", "gone"):
            raise _no_such_session(ref)
        return None if found is not None and found.state == "lost" else _at(found, ref, owner)

    async def give_up(self, ref: str) -> None:
        """It could not be revived."""
        await self._directory.give_up(bare(ref))

    def note_lost(self, ref: str, owner: str) -> None:
        """Take that the stage of a session was seen dead; :meth:`tell_lost` tells it on."""
        self._untold[ref] = owner
        if len(self._untold) > MOST_UNTOLD:
            del self._untold[next(iter(self._untold))]

    async def tell_lost(self) -> None:
        """Tell the directory of all lost sessions that it has not heard of; those may be revived."""
        since_ns, missed = self._missed
        if missed and self._clock.now_ns() - since_ns >= HEARD_NS:
            heard = {card.stage for card in await self.cards()}
            for session in (each for card in missed if card.stage not in heard for each in card.sessions):
                self.note_lost(session.ref, session.owner)
            self._missed = (0, ())
        for ref, owner in list(self._untold.items()):
            stage = self.owner_of(ref)
            if stage is not None and not await self._directory.lose(bare(ref), owner, stage.stage):
                return
            self._untold.pop(ref, None)

    async def cards(self) -> Sequence[Card]:
        """Return the stages' cards, as they were half a second ago at most, or ten where the directory is away."""
        now_ns = self._clock.now_ns()
        if now_ns - self._read_ns >= CARDS_NS:
            fresh = await self._told_now()
            if fresh is not None:
                for card in fresh.cards:
                    self._usage.note_card(card)
                if self._told is not None and self._told.directory != fresh.directory:
                    self._missed = now_ns, self._told.cards
                self._told, self._cards, self._read_ns = fresh, fresh.cards, now_ns
            elif now_ns - self._read_ns >= OLD_NS:
                self._cards = ()
        return self._cards

    async def _told_now(self) -> Told | None:
        """Ask the directory; one that has begun anew learns first how many minutes were used before."""
        fresh = await self._directory.told()
        if fresh is None or fresh.directory == self._shared_with:
            return fresh
        known = await self._directory.share_minutes(self._usage.known())
        if known is None:
            return fresh
        self._usage.learn(known)
        self._shared_with = fresh.directory
        return await self._directory.told() or fresh

    async def minutes(self) -> Mapping[str, float]:
        """Return how many minutes each key has used today, as the directory knew it when it answered last."""
        await self.cards()
        return self._told.minutes if self._told is not None else {}

    def site_of(self, ref: str) -> str | None:
        """Return the address of the stage that a reference names; None where it names none of ours."""
        owner = self.owner_of(ref)
        return owner.url if owner else None

    def owner_of(self, ref: str) -> Owner | None:
        """Return the stage that a reference names; None where it names none of ours."""
        try:
            return self._seals.open(ref)
        except BadSeal:
            return None


def _at(found: Found | None, ref: str, owner: Owner | None) -> At | None:
    if found is None or found.state == "owner":
        return At(ref, owner.url) if owner else None
    if found.state == "here":
        return At(found.ref, found.url)
    if found.state in ("moving", "lost"):
        raise Refusal("session_moving", MOVING)
    return None


def _no_such_session(ref: str) -> Refusal:
    return Refusal("no_such_session", f'There is no session "{bare(ref)}", or it has ended; make another.')
