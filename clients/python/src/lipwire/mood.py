"""How a face looks while it speaks and listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MoodName = Literal["neutral", "warm", "serious", "surprised", "sorry"]
Hint = Literal["begin", "end", "nod"]

MOODS: tuple[str, ...] = ("neutral", "warm", "serious", "surprised", "sorry")
HINTS: tuple[str, ...] = ("begin", "end", "nod")


@dataclass(frozen=True)
class Mood:
    """A mood, and how much of it, 0…1."""

    name: MoodName
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in MOODS:
            raise ValueError(f"a mood is one of {', '.join(MOODS)}, not {self.name!r}")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"a mood's strength is 0 to 1, not {self.strength}")


AnyMood = Mood | MoodName


def mood_of(mood: AnyMood) -> Mood:
    """Return a mood that may have been given by its name.

    Raises:
        ValueError: where there is none of that name.
    """
    return mood if isinstance(mood, Mood) else Mood(mood)
