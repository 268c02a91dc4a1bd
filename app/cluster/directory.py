"""Which sessions live on which stages: what stages said of themselves last, and for a while what became of the rest."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from app.clock import Clock, wall_clock
from app.cluster.card import Card, SessionCard
from app.cluster.usage import Counted, Usage, site_of
from app.media import NS_PER_S

STALE_NS = 4 * NS_PER_S  # since its last card: the stage has died, or nobody reaches it
YOUNG_NS = 3 * NS_PER_S  # of the directory: there may be stages that it has not heard yet
MOVING_NS = 5 * NS_PER_S  # between one stage's card and another's
REVIVING_NS = 10 * NS_PER_S  # that who revives a session may take
LOST_NS = 30 * NS_PER_S  # that others wait for somebody to revive one whose stage has died
UNSURE_NS = 30 * NS_PER_S  # of the directory: somebody may still tell it of a stage that died
MOST_STAGES = 1000
NAME_BYTES = 8
MOST_KEPT = 10_000  # of sessions that have left, of each kind

State = Literal["here", "owner", "moving", "lost", "ended", "gone"]


def today_utc() -> date:
    """Return the day for which minutes count."""
    return wall_clock().date()


@dataclass(frozen=True, slots=True)
class Found:
    """How a session stands.

    ``here``: it lives at ``url`` as ``ref``. ``owner``: nothing is known, but the stage that its reference names does.
    ``moving``: in a moment it will be somewhere. ``lost``: its stage has died. ``ended``: in order. ``gone``: neither
    it nor its stage is known.

    ``owner``: the id of its key, None where nothing is known of it. ``otherwise``: how it would stand then, which is
    all that a stranger may be told.
    """

    state: State
    ref: str = ""
    url: str = ""
    owner: str | None = None
    otherwise: State = "gone"


@dataclass(frozen=True, slots=True)
class Told:
    """What fronts are told: the cards of all stages that live, and the minutes that each key has used today.

    ``directory``: which one says so; one that has restarted is another.
    """

    directory: str
    cards: Sequence[Card]
    minutes: Mapping[str, float]


class Left:
    """Whose sessions left in one way, and when.

    Bound: ``MOST_KEPT``; full: the one that left longest ago is forgotten.
    """

    def __init__(self, kept_ns: int | None = None) -> None:
        self._kept_ns = kept_ns
        self._left: OrderedDict[str, tuple[int, str]] = OrderedDict()  # bare id → when, and the owner

    def __len__(self) -> int:
        return len(self._left)

    def note(self, bare: str, owner: str, now_ns: int) -> None:
        """Note that one leaves now."""
        self._left[bare] = now_ns, owner
        self._left.move_to_end(bare)
        if len(self._left) > MOST_KEPT:
            self._left.popitem(last=False)

    def forget(self, bare: str) -> None:
        """It is back; again is fine."""
        self._left.pop(bare, None)

    def owner_of(self, bare: str, now_ns: int) -> str | None:
        """Return whose one is that has left so, not longer ago than is kept; None where none has."""
        at_ns, owner = self._left.get(bare, (0, None))
        return owner if self._kept_ns is None or now_ns - at_ns < self._kept_ns else None

    def take_old(self, now_ns: int) -> list[tuple[str, str]]:
        """Return and forget those that are kept no longer, with their owners."""
        kept_ns = self._kept_ns
        if kept_ns is None:
            return []
        old = [(bare, owner) for bare, (at_ns, owner) in self._left.items() if now_ns - at_ns >= kept_ns]
        for bare, _ in old:
            del self._left[bare]
        return old


class Directory:
    """Soft state: gone when its process ends, and back a second later, with the stages' next cards.

    Bound: ``MOST_STAGES`` cards; full: another stage's is not taken. ``MOST_KEPT`` sessions of each kind that left.
    """

    def __init__(self, clock: Clock, today: Callable[[], date] = today_utc) -> None:
        self._clock, self._begun_ns = clock, clock.now_ns()
        self._usage, self._name = Usage(today), secrets.token_hex(NAME_BYTES)
        self._cards: dict[str, tuple[int, Card]] = {}
        self._sessions: dict[str, tuple[Card, SessionCard]] = {}  # of all cards
        self._moving, self._lost, self._ended = Left(MOVING_NS), Left(LOST_NS), Left()
        self._reviving, self._revivable = Left(REVIVING_NS), Left()

    def note(self, card: Card) -> None:
        """Take a stage's newest card."""
        now_ns = self._clock.now_ns()
        known = self._cards.get(card.stage)
        if known is None and len(self._cards) >= MOST_STAGES:
            return
        self._cards[card.stage] = (now_ns, card)
        self._usage.note_card(card)
        for session in card.sessions:
            for left in (self._moving, self._lost, self._ended, self._reviving, self._revivable):
                left.forget(session.bare)
        if known is not None:
            stayed = {session.bare for session in card.sessions}
            is_moving = card.draining or known[1].draining
            for session in known[1].sessions:
                if session.bare not in stayed:
                    (self._moving if is_moving else self._ended).note(session.bare, session.owner, now_ns)
        self._sweep(now_ns)

    def leave(self, stage: str, died: bool) -> None:
        """Forget a stage that has ended, or that somebody saw dead; again is fine."""
        now_ns = self._clock.now_ns()
        _, card = self._cards.pop(stage, (0, None))
        for session in card.sessions if card is not None else ():
            if died:
                self._lose(session.bare, session.owner, now_ns)
            else:
                self._moving.note(session.bare, session.owner, now_ns)
        self._sweep(now_ns)

    def lose(self, bare: str, owner: str, stage: str) -> None:
        """Forget a stage that somebody saw die, and take that this session was on it then; again is fine."""
        self.leave(stage, died=True)
        now_ns = self._clock.now_ns()
        has_left = (
            left.owner_of(bare, now_ns) for left in (self._moving, self._ended, self._reviving, self._revivable)
        )
        if bare not in self._sessions and all(each is None for each in has_left):
            self._lose(bare, owner, now_ns)

    def find(self, bare: str, stage: str) -> Found:
        """Return how a session stands; ``stage`` is the one that its reference names, empty where it names none."""
        now_ns = self._clock.now_ns()
        self._sweep(now_ns)
        is_young = now_ns - self._begun_ns < YOUNG_NS
        otherwise: State = "owner" if stage and (is_young or stage in self._cards) else "gone"
        if bare in self._sessions:
            card, session = self._sessions[bare]
            return Found("here", session.ref, card.url, session.owner, otherwise)
        ways: tuple[tuple[State, Left], ...] = (
            ("moving", self._moving),
            ("moving", self._reviving),
            ("lost", self._lost),
            ("ended", self._ended),
        )
        for state, left in ways:
            if (owner := left.owner_of(bare, now_ns)) is not None:
                return Found(state, owner=owner, otherwise=otherwise)
        return Found(otherwise)

    def claim(self, bare: str, stage: str) -> Found:
        """Do as :meth:`find` does; a session that is ``lost`` is to be revived by the one who asks.

        Nothing else may be: what is not known to have been on a stage when that died may have ended. For a while after
        the directory has begun that may still be told, and who asks is to ask again (``moving``).
        """
        found, now_ns = self.find(bare, stage), self._clock.now_ns()
        owner = self._revivable.owner_of(bare, now_ns)
        if found.state in ("lost", "gone") and owner is not None:
            self._reviving.note(bare, owner, now_ns)
            return Found("lost", owner=owner)
        if found.state == "gone" and now_ns - self._begun_ns < UNSURE_NS:
            return Found("moving")
        return found

    def give_up(self, bare: str) -> None:
        """It could not be revived: somebody else may try."""
        self._reviving.forget(bare)

    def cards(self) -> list[Card]:
        """Return the cards of all stages that live, in their order."""
        self._sweep(self._clock.now_ns())
        return [card for _, (_, card) in sorted(self._cards.items())]

    def told(self) -> Told:
        """Return what fronts are told; of minutes also those on stages that have left."""
        return Told(self._name, self.cards(), self._usage.all())

    def minutes_elsewhere(self, card: Card) -> dict[str, float]:
        """Return how many of them the keys that a stage has sessions of have used on others."""
        return self._usage.elsewhere(site_of(card), (session.owner for session in card.sessions))

    def share_minutes(self, known: Mapping[str, Counted]) -> dict[str, Counted]:
        """Learn what a front knows of today's minutes, by address, and return what is known of them here."""
        self._usage.learn(known)
        return self._usage.known()

    def _lose(self, bare: str, owner: str, now_ns: int) -> None:
        for left in (self._lost, self._revivable):
            left.note(bare, owner, now_ns)

    def _sweep(self, now_ns: int) -> None:
        """Forget what is too old, and see anew who lives where; a stage that drains has what another one has not."""
        for stage in [stage for stage, (at_ns, _) in self._cards.items() if now_ns - at_ns >= STALE_NS]:
            for session in self._cards.pop(stage)[1].sessions:
                self._lose(session.bare, session.owner, now_ns)
        for bare, owner in self._moving.take_old(now_ns):
            self._ended.note(bare, owner, now_ns)
        for left in (self._lost, self._reviving):
            left.take_old(now_ns)
        cards = sorted((card for _, card in self._cards.values()), key=lambda card: not card.draining)
        self._sessions = {session.bare: (card, session) for card in cards for session in card.sessions}
