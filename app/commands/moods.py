"""Moods on the command line: ``[SECONDS=]NAME[:STRENGTH]``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.errors import Refusal
from app.inference.looks import PLAIN, Looks
from app.inference.mood import MOODS, Mood
from app.media import VIDEO_FPS

FORM = "[SECONDS=]NAME[:STRENGTH]"
HELP = f"{', '.join(MOODS)}; strength 0 to 1; with SECONDS= from there on; may be given again"


class MoodError(Exception):
    """A mood that cannot be understood; the message says what can."""


def looks_of(said: Sequence[str]) -> Looks:
    """Return how a face looks through a recording, of moods as they were given.

    Raises:
        MoodError: where one of them is none.
    """
    looks = PLAIN
    for begin, mood in sorted(map(_parse, said), key=lambda each: each[0]):
        looks = looks.feel(mood.expression, begin, 0) if begin else Looks.of(mood.expression)
    return looks


def _parse(said: str) -> tuple[int, Mood]:
    at, _, rest = said.rpartition("=")
    name, _, strength = rest.partition(":")
    try:
        mood, begin_s = Mood.of(name, float(strength or 1)), float(at or 0)
    except (Refusal, ValueError):
        raise MoodError(f'"{said}" is no mood; give {FORM}, with a name of {", ".join(MOODS)}.') from None
    if not (math.isfinite(begin_s) and begin_s >= 0):
        raise MoodError(f'"{said}" begins at no time of the recording; give seconds from its beginning.')
    return round(begin_s * VIDEO_FPS), mood
