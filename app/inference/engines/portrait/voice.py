"""What a second of voice tells a face: how strongly it speaks, what it stresses, and when a phrase ended."""

from __future__ import annotations

import math

import numpy as np

from app.inference.engines.portrait.emphasis import emphasis_of
from app.inference.engines.portrait.look import Voice
from app.inference.features.loudness import listen
from app.inference.features.mel import COLUMNS_PER_SECOND
from app.inference.features.window import Window
from app.media import FloatArray

PHRASE_S, SILENCE_S = 0.25, 0.16  # as much speech, and then as much silence, make a phrase's end
WITHIN_S = 0.45  # in which that much speech lies
CLEAR_DB = 3.0  # above the gate: what counts as speech


def voice_of(window: Window) -> Voice:
    """Read a window of about a second."""
    return Voice(level=emphasis_of(window.power), beat=0.0, rise=0.0, pause_s=pause_of(window.power))


def pause_of(power: FloatArray) -> float:
    """Return how long ago a phrase ended, seconds; infinite where none did within the window.

    A phrase has ended where silence follows it. It stays ended while the next one begins.
    """
    speech = listen(power) if len(power) else None
    if speech is None:
        return math.inf
    heard = speech.levels_db > speech.gate_db + CLEAR_DB
    silence, within = round(SILENCE_S * COLUMNS_PER_SECOND), round(WITHIN_S * COLUMNS_PER_SECOND)
    ends = np.flatnonzero(heard[:-1] & ~heard[1:])
    for end in ends[::-1]:
        if end + silence >= len(heard):
            continue
        spoken = heard[max(0, end + 1 - within) : end + 1].sum()
        if not heard[end + 1 : end + 1 + silence].any() and spoken >= PHRASE_S * COLUMNS_PER_SECOND:
            return (len(heard) - 1 - int(end)) / COLUMNS_PER_SECOND
    return math.inf
