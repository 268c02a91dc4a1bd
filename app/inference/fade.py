"""Values that go over into others within half a second, as a pure function of time."""

from __future__ import annotations

from dataclasses import dataclass

from app.media import VIDEO_FPS
from app.smoothstep import smoothstep

BLEND_SLOTS = VIDEO_FPS // 2  # 12: half a second, or just under
GAP_SLOTS = 2  # between two beginnings, so that few are under way at a time
LONG_AGO = -BLEND_SLOTS


@dataclass(frozen=True, slots=True)
class Step:
    """From slot ``begin`` on the values go over into ``target``."""

    begin: int
    target: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fade:
    """What some values are at any slot; another step that begins while one is under way makes no jump.

    Bound: a step every ``GAP_SLOTS`` from ``BLEND_SLOTS`` ago until as far ahead as any was put, and the one before.
    """

    steps: tuple[Step, ...]

    @classmethod
    def at_first(cls, values: tuple[float, ...]) -> Fade:
        """Return one that has been so for ever."""
        return cls((Step(LONG_AGO, values),))

    def at(self, slot: int) -> tuple[float, ...]:
        """Return the values in a slot."""
        return faded(self.steps[0].target, self.steps[1:], slot)

    def towards(self, target: tuple[float, ...], begin: int, now: int) -> Fade:
        """Return the same fade up to slot ``begin``, from which it goes over into ``target``; later steps go.

        ``now``: what was before it need not be known any more.
        """
        steps = _still_felt([self.steps[0], *(step for step in self.steps[1:] if step.begin < begin)], now)
        return Fade((*steps, Step(max(begin, steps[-1].begin + GAP_SLOTS), target)))

    def up_to(self, now: int) -> Fade:
        """Return the same fade without what is yet to begin."""
        return Fade((self.steps[0], *(step for step in self.steps[1:] if step.begin <= now)))

    @property
    def last(self) -> tuple[float, ...]:
        """What it comes to in the end."""
        return self.steps[-1].target


def faded(values: tuple[float, ...], steps: tuple[Step, ...] | list[Step], slot: int) -> tuple[float, ...]:
    """Return what values have become in a slot, of steps in their order."""
    for step in steps:
        share = smoothstep(min(max((slot - step.begin) / BLEND_SLOTS, 0.0), 1.0))
        values = tuple(one + share * (other - one) for one, other in zip(values, step.target, strict=True))
    return values


def _still_felt(steps: list[Step], now: int) -> list[Step]:
    """Leave out what a step that is complete has covered; the first one counts as complete."""
    complete = [i for i, step in enumerate(steps) if now - step.begin >= BLEND_SLOTS]
    return steps[complete[-1] :] if complete else steps
