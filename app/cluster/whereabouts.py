"""Where a session is now: what its reference says, and what the directory knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.api.whereabouts import At
from app.clock import Clock
from app.cluster.card import Card
from app.cluster.directory import Found
from app.cluster.seals import BadSeal, Owner, Seals
from app.errors import Refusal
from app.media import NS_PER_S
from app.session_ref import DOT, bare

CARDS_NS = NS_PER_S // 2  # that cards are good for, before the directory is asked again
OLD_NS = 10 * NS_PER_S  # that they are good for where it does not answer
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

    async def cards(self) -> Sequence[Card] | None:
        """See :meth:`Directory.cards`."""
        ...

    async def minutes(self) -> Mapping[str, float] | None:
        """See :meth:`Directory.minutes`."""
        ...

    async def leave(self, stage: str, died: bool) -> None:
        """See :meth:`Directory.leave`."""
        ...


class Whereabouts:
    """Knows what there is to know; the seal alone is enough where the directory does not answer."""

    def __init__(self, directory: DirectoryDoor, seals: Seals, clock: Clock) -> None:
        self._directory, self._seals, self._clock = directory, seals, clock
        self._cards: Sequence[Card] = ()
        self._read_ns = -OLD_NS  # when the cards came
        self._minutes: Mapping[str, float] = {}
        self._counted_ns = -OLD_NS  # when these came

    async def find(self, ref: str) -> At | None:
        """Return where a session is to be asked for; None where it is nowhere.

        Raises:
            Refusal: ``session_moving``.
        """
        owner = self.owner_of(ref)
        if owner is None and DOT in ref:
            return None
        found = await self._directory.find(bare(ref), owner.stage if owner else "")
        return _at(found, ref, owner)

    async def claim(self, ref: str) -> At | None:
        """Do the same for who would revive it: None where nobody has it, and who asks is the one who may.

        Raises:
            Refusal: ``session_moving``; ``no_such_session`` where it has ended, or there never was any.
        """
        owner = self.owner_of(ref)
        if owner is None:
            raise _no_such_session(ref)
        found = await self._directory.claim(bare(ref), owner.stage)
        if found is not None and found.state == "ended":
            raise _no_such_session(ref)
        return None if found is not None and found.state == "lost" else _at(found, ref, owner)

    async def give_up(self, ref: str) -> None:
        """It could not be revived."""
        await self._directory.give_up(bare(ref))

    async def lose(self, ref: str) -> None:
        """The stage that a reference names has been seen dead."""
        owner = self.owner_of(ref)
        if owner is not None:
            await self._directory.leave(owner.stage, died=True)

    async def cards(self) -> Sequence[Card]:
        """Return the stages' cards, as they were half a second ago at most, or ten where the directory is away."""
        now_ns = self._clock.now_ns()
        if now_ns - self._read_ns >= CARDS_NS:
            fresh = await self._directory.cards()
            if fresh is not None:
                self._cards, self._read_ns = fresh, now_ns
            elif now_ns - self._read_ns >= OLD_NS:
                self._cards = ()
        return self._cards

    async def minutes(self) -> Mapping[str, float]:
        """Return how many minutes each key has used today, as the directory knew it when it answered last."""
        now_ns = self._clock.now_ns()
        if now_ns - self._counted_ns >= CARDS_NS and (fresh := await self._directory.minutes()) is not None:
            self._minutes, self._counted_ns = fresh, now_ns
        return self._minutes

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
