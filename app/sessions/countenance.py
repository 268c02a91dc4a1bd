"""How a session's face looks: moods as they are asked for, and how it listens to somebody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from app.clock import Clock
from app.inference.looks import Looks
from app.inference.mood import CALM, Mood
from app.media import NS_PER_S, SLOT_NS, VIDEO_FPS
from app.sessions.phrases import Phrases

Hint = Literal["begin", "end", "nod"]

REDRAW_NS = NS_PER_S  # between two times that what waits to be shown is drawn again: it costs a second's pictures
SOON_SLOTS = 3  # until a picture that is drawn again can be shown
HINTED_SLOTS = 120 * VIDEO_FPS  # for which it attends at most to somebody of whom only the beginning was told
ATTENTIVE_SLOTS = 3 * VIDEO_FPS  # for which it attends after the last word that was heard
LEVELS_AHEAD, LEVELS_BEHIND = VIDEO_FPS, 3 * VIDEO_FPS  # by which somebody's sound may come too soon, or be late


class Face(Protocol):
    """What is drawn, and how far."""

    @property
    def position(self) -> int:
        """The avatar's time of the slot that is released next."""
        ...

    @property
    def undrawn_position(self) -> int:
        """The avatar's time of the first slot of which nothing is drawn, nor being drawn."""
        ...

    def show(self, looks: Looks, redraw: bool = False) -> None:
        """Let the face look otherwise in all that is drawn from now on, or also in what waits to be shown."""
        ...


class Countenance:
    """Keeps one session's :class:`Looks`, whose bounds are its own; on the event loop.

    A mood shows from the next pictures on, although those may be drawn: they are drawn again, at most every
    ``REDRAW_NS``; more often than that it shows from the first that is not drawn yet. Of somebody's sound, what comes
    faster than it can have been said is dropped.
    """

    def __init__(self, face: Face, clock: Clock, mood: Mood = CALM) -> None:
        """``mood``: that the face begins in."""
        self._face, self._clock = face, clock
        self._looks = Looks.of(mood.expression)
        self._redrawn_ns: int | None = None
        self._pinned: tuple[tuple[int, Mood], ...] = ()  # with which slices moods come
        self._phrases = Phrases()
        self._heard_slot = 0  # up to which of the clock's slots somebody's sound has come
        self._attends_until = self._hinted_until = 0  # in the avatar's time
        self.mood = mood
        self._face.show(self._looks)

    def feel(self, mood: Mood) -> None:
        """Let a mood come now."""
        self.mood = mood
        begin = self._soonest()
        self._show(self._looks.feel(mood.expression, begin, self._face.position), begin)

    def feel_with(self, mood: Mood, pts: int) -> None:
        """Let a mood come with a slice of sound, of which nothing is drawn yet."""
        self._show(self._looks.feel_with(mood.expression, pts))
        kept = {pin.pts for pin in self._looks.pins}
        self._pinned = (*(pin for pin in self._pinned if pin[0] in kept and pin[0] != pts), (pts, mood))

    def played(self, pts: int) -> None:
        """Note that a slice is played now."""
        if self._pinned and self._pinned[0][0] <= pts:
            self.mood = [mood for at, mood in self._pinned if at <= pts][-1]
            self._pinned = tuple(pin for pin in self._pinned if pin[0] > pts)
            self._show(self._looks.played(self._face.position, pts))

    def interrupt(self) -> None:
        """Forget moods that were to come with words that are dropped."""
        self._pinned = ()
        self._show(self._looks.interrupted(self._face.position))

    def listen(self, hint: Hint) -> None:
        """Take a hint about somebody who is listened to: they begin, or end, or are to be nodded at."""
        now, undrawn = self._face.position, self._face.undrawn_position
        if hint == "nod":
            self._nod(1.0)
        elif hint == "begin":
            self._hinted_until = now + HINTED_SLOTS
            self._attend(self._hinted_until)
        else:
            self._hinted_until = self._attends_until = now
            self._show(self._looks.attend_no_more(undrawn, now))

    def hear(self, levels_dbfs: Sequence[float], speaks: bool) -> None:
        """Take how loud somebody is, 40 ms each: the face attends, and nods where phrases end, unless it ``speaks``."""
        now, clock_slot = self._face.position, self._clock.now_ns() // SLOT_NS
        self._heard_slot = max(self._heard_slot, clock_slot - LEVELS_BEHIND)
        room = max(0, clock_slot + LEVELS_AHEAD - self._heard_slot)
        self._heard_slot += min(room, len(levels_dbfs))
        for level in levels_dbfs[:room]:
            heard = self._phrases.hear(level)
            if heard.voiced:
                self._attend(max(now + ATTENTIVE_SLOTS, self._hinted_until))
            if heard.ended and not speaks:
                self._nod(heard.ended)

    def _attend(self, until: int) -> None:
        if until > self._attends_until:
            self._attends_until = until
            self._show(self._looks.attend(self._face.undrawn_position, until, self._face.position))

    def _nod(self, depth: float) -> None:
        begin = self._soonest()
        if begin <= self._face.position + SOON_SLOTS:  # a nod that comes late answers nothing
            self._show(self._looks.bow(begin, depth), begin)

    def _soonest(self) -> int:
        """Return from which slot on the face can look otherwise, where need be by being drawn again."""
        undrawn, soon = self._face.undrawn_position, self._face.position + SOON_SLOTS
        rested = self._redrawn_ns is None or self._clock.now_ns() - self._redrawn_ns >= REDRAW_NS
        return min(undrawn, soon) if rested else undrawn

    def _show(self, looks: Looks, begin: int | None = None) -> None:
        """Show looks that change with slot ``begin``; None: with one that is not drawn yet."""
        if looks == self._looks:
            return
        self._looks = looks
        redraw = begin is not None and begin < self._face.undrawn_position
        if redraw:
            self._redrawn_ns = self._clock.now_ns()
        self._face.show(looks, redraw)
