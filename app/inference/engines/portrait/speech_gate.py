"""What loudness says of one frame's mouth: whether somebody speaks, whether now, and how far the voice opens it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import compiled
from app.inference.features.loudness import GATE_FADE_DB, Speech, listen, ramp
from app.media import FloatArray

STEPS = 1024  # to which what a mouth follows is rounded: a fortieth of a pixel
QUIET_DB, LOUD_DB = -62.0, -38.0  # a speaker's own peak: from mumbling to speaking up
MUMBLES, SPEAKS_UP = 0.95, 1.25  # how far the mouth opens then
SLACK_DB = 12.0  # below the gate: within speech, the network knows pauses better than loudness does
# columns of 12.5 ms before the window's end
NOW = 6  # in which there must be speech for this frame
STAYS, LEAVES = 28, 44  # since speech was last heard: the mouth stays ready, then comes to rest


@dataclass(frozen=True, slots=True)
class SpeechGate:
    """What loudness says of a frame.

    ``speaking``: see :class:`MouthShape`. ``now``: whether there is speech in this very frame, 0…1. ``gain``: how far
    the voice opens the mouth.
    """

    speaking: float = 0.0
    now: float = 0.0
    gain: float = 0.0


def gate_of(power: FloatArray) -> SpeechGate:
    """Judge ``speech_power`` of the second that a frame hears."""
    speech = listen(power)
    if speech is None:
        return SpeechGate()
    speaking, above_db = _speaking(speech.levels_db, speech.gate_db)
    if stepped(speaking) <= 0:
        return SpeechGate()
    now = stepped(ramp(above_db, -SLACK_DB, GATE_FADE_DB - SLACK_DB))
    return SpeechGate(stepped(speaking), now, now * stepped(_loudness(speech)))


def stepped(value: float) -> float:
    """Round, so that a mel that differs in its last digit, as another chunking's does, draws the same picture."""
    return round(value * STEPS) / STEPS


@compiled
def _speaking(levels_db: NDArray[np.float32], gate_db: float) -> tuple[Any, Any]:
    """Return 1 while there is speech and for a moment after, easing in over 75 ms and out over 200.

    And by how much the window's end stands above the gate, in dB.
    """
    columns = len(levels_db)
    spoken = np.empty(columns)
    for at in range(columns):
        spoken[at] = min(max((levels_db[at] - gate_db) / GATE_FADE_DB, 0.0), 1.0)
    speaking, loudest = 0.0, levels_db[columns - 1]
    for end in range(NOW, columns + 1):
        steady = 0.0
        for at in range(end - NOW, end):
            steady += spoken[at]
        age = columns - end
        speaking = max(speaking, steady / NOW * min(max((LEAVES - age) / (LEAVES - STAYS), 0.0), 1.0))
    for at in range(columns - NOW, columns):
        loudest = max(loudest, levels_db[at])
    return speaking, loudest - gate_db


def _loudness(speech: Speech) -> float:
    return MUMBLES + (SPEAKS_UP - MUMBLES) * ramp(speech.peak_db, QUIET_DB, LOUD_DB)
