"""How a face looks at any slot of its time: its mood, whether it attends, and how it nods."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.inference.expression import Expression
from app.inference.fade import Fade, Step, faded
from app.media import VIDEO_FPS
from app.smoothstep import smoothstep

NOD_DOWN_SLOTS = 6  # 240 ms
NOD_UP_SLOTS = 11  # 440 ms: heads fall faster than they rise
NOD_SLOTS = NOD_DOWN_SLOTS + NOD_UP_SLOTS
NOD_REST_SLOTS = VIDEO_FPS // 2  # between two nods
PINS_HIGH = 128  # moods that wait for their words


@dataclass(frozen=True, slots=True)
class Nod:
    """The head bows from slot ``begin`` on, and rises again; ``depth`` 0…1."""

    begin: int
    depth: float

    def at(self, slot: int) -> float:
        """Return how far it is bowed in a slot."""
        since = slot - self.begin
        if not 0 <= since < NOD_SLOTS:
            return 0.0
        if since < NOD_DOWN_SLOTS:
            return self.depth * smoothstep(since / NOD_DOWN_SLOTS)
        return self.depth * smoothstep((NOD_SLOTS - since) / NOD_UP_SLOTS)


@dataclass(frozen=True, slots=True)
class Pin:
    """A mood that begins with slice ``pts`` of the session's sound, whenever that is played."""

    pts: int
    target: Expression


CALM = Fade.at_first((0.0, 0.0, 0.0, 0.0))
ALONE = Fade.at_first((0.0,))
NO_NOD = Nod(-NOD_SLOTS - NOD_REST_SLOTS, 0.0)


@dataclass(frozen=True, slots=True)
class Looks:
    """All that was asked for of a face's looks. It never changes, so any thread may read the latest one.

    ``slot`` is everywhere the avatar's own time, 25 a second. Bounds: the fades' own, ``PINS_HIGH`` pins (full: the
    newest goes), and one nod.
    """

    moods: Fade = CALM
    attending: Fade = ALONE
    nod: Nod = NO_NOD
    pins: tuple[Pin, ...] = ()

    @classmethod
    def of(cls, mood: Expression) -> Looks:
        """Return the looks of a face that begins in a mood."""
        return cls(moods=Fade.at_first(_values(mood)))

    def at(self, slot: int, pts: int | None = None) -> Expression:
        """Return how it looks in a slot; ``pts``: of the slice that it speaks then."""
        warm, serious, surprised, sorry = self._mood(slot, pts)
        (attending,) = self.attending.at(slot)
        return Expression(warm, serious, surprised, sorry, attending, self.nod.at(slot))

    def feel(self, mood: Expression, begin: int, now: int) -> Looks:
        """Let a mood come from slot ``begin`` on."""
        return replace(self, moods=self.moods.towards(_values(mood), begin, now))

    def feel_with(self, mood: Expression, pts: int) -> Looks:
        """Let a mood come with a slice of sound, of which nothing was drawn yet."""
        before = tuple(pin for pin in self.pins if pin.pts < pts)[: PINS_HIGH - 1]
        return replace(self, pins=(*before, Pin(pts, mood)))

    def played(self, slot: int, pts: int) -> Looks:
        """Note in which slot a slice is played: moods that came with it, or before it, have their place in time."""
        if not self.pins or self.pins[0].pts > pts:
            return self
        looks = replace(self, pins=tuple(pin for pin in self.pins if pin.pts > pts))
        for pin in self.pins:
            if pin.pts <= pts:
                looks = looks.feel(pin.target, slot - (pts - pin.pts), slot)
        return looks

    def attend(self, begin: int, until: int, now: int) -> Looks:
        """Let it attend between two slots; where it does already, until then."""
        present = self.attending.up_to(begin)
        if present.last == (0.0,):
            present = present.towards((1.0,), begin, now)
        return replace(self, attending=present.towards((0.0,), until, now))

    def attend_no_more(self, begin: int, now: int) -> Looks:
        """Let it attend to nobody from a slot on."""
        return replace(self, attending=self.attending.up_to(begin).towards((0.0,), begin, now))

    def bow(self, begin: int, depth: float) -> Looks:
        """Let it nod from a slot on, unless it does, or just has."""
        if begin < self.nod.begin + NOD_SLOTS + NOD_REST_SLOTS:
            return self
        return replace(self, nod=Nod(begin, depth))

    def interrupted(self, now: int) -> Looks:
        """Forget moods that were to come with words that are dropped now; what was put off comes at once."""
        moods, attending = self.moods, self.attending
        if moods.steps[-1].begin > now:
            moods = moods.up_to(now).towards(moods.last, now, now)
        *_, begins, ends = (attending.steps[0], *attending.steps)
        if begins.begin > now:
            attending = attending.up_to(now).towards(begins.target, now, now).towards(ends.target, ends.begin, now)
        return replace(self, moods=moods, attending=attending, pins=())

    def _mood(self, slot: int, pts: int | None) -> tuple[float, ...]:
        values = self.moods.at(slot)
        if pts is None or not self.pins:
            return values
        return faded(
            values, [Step(slot - (pts - pin.pts), _values(pin.target)) for pin in self.pins if pin.pts <= pts], slot
        )


def _values(mood: Expression) -> tuple[float, ...]:
    return mood.warm, mood.serious, mood.surprised, mood.sorry


PLAIN = Looks()  # of a face of which nothing was asked
