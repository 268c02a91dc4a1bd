"""Moods by name, as clients and commands ask for them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.errors import Refusal
from app.inference.expression import NEUTRAL, Expression

MOODS = ("neutral", "warm", "serious", "surprised", "sorry")
NAMES = ", ".join(MOODS[:-1]) + " or " + MOODS[-1]


@dataclass(frozen=True, slots=True)
class Mood:
    """A mood that was asked for: one of :data:`MOODS`, and how much of it, 0…1."""

    name: str = "neutral"
    strength: float = 1.0

    @classmethod
    def of(cls, name: str, strength: float = 1.0) -> Mood:
        """Return a mood by its name.

        Raises:
            Refusal: ``no_such_mood``.
            ValueError: where ``strength`` does not lie within 0…1.
        """
        if name not in MOODS:
            raise Refusal("no_such_mood", f"Give a mood as one of {NAMES}.")
        if not (math.isfinite(strength) and 0 <= strength <= 1):
            raise ValueError("a mood's strength is a number from 0 to 1")
        return cls(name, float(strength))

    @property
    def expression(self) -> Expression:
        """How a face looks that is wholly in it."""
        return NEUTRAL if self.name == "neutral" else Expression(**{self.name: self.strength})


CALM = Mood()
