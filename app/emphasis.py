"""How strongly somebody speaks: what a head and brows go by, from a window of sound to the picture, and after it."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEVEL_EASING, QUICK_EASING = 0.86, 0.78  # of each is left after a slot without a voice
SOFT = 0.1  # of a stress, that hardly counts
AT_REST = 0.01  # less emphasis than this moves nothing


@dataclass(frozen=True, slots=True)
class Emphasis:
    """The voice at a moment, 0…1: ``level`` over about a second, ``quick`` over the last half of one.

    Both are 0 in silence. What is quick falls first, so a voice that ends, or is cut off, has an end of its own kind.
    ``stress``: how far the last syllables' loudest stands out. ``rise``: how surely the phrase that ended asks, 0…1.
    ``pause_slots``: how many slots ago a phrase ended; infinite where none did lately.
    """

    level: float = 0.0
    quick: float = 0.0
    stress: float = 0.0
    rise: float = 0.0
    pause_slots: float = math.inf

    @property
    def beat(self) -> float:
        """By how much a syllable stands out: stress."""
        return _softly(self.quick - self.level)

    @property
    def fall(self) -> float:
        """By how much the voice has dropped: a phrase ends, or pauses."""
        return _softly(self.level - self.quick)

    def after(self, slots: int) -> Emphasis:
        """Return what is left of it so many slots after the last sound."""
        level, quick = self.level * LEVEL_EASING**slots, self.quick * QUICK_EASING**slots
        if max(level, quick) < AT_REST:
            return CALM
        return Emphasis(level, quick, self.stress * QUICK_EASING**slots, self.rise, self.pause_slots + slots)


def _softly(value: float) -> float:
    """Return what is over 0, without a corner there: a head has none."""
    return value * value / (value + SOFT) if value > 0 else 0.0


CALM = Emphasis()
