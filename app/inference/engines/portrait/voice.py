"""What a second of voice tells a face: how strongly it speaks, what it stresses, and when a phrase ended."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from app.emphasis import Emphasis
from app.inference.engines.portrait.emphasis import emphasis_of
from app.inference.features.loudness import listen
from app.inference.features.mel import COLUMNS_PER_SECOND
from app.inference.features.window import Window
from app.media import VIDEO_FPS, FloatArray

PHRASE_S, SILENCE_S = 0.25, 0.16  # as much speech, and then as much silence, make a phrase's end
WITHIN_S = 0.45  # in which that much speech lies
LATELY_S = 0.55  # since its end: longer ago does not count
CLEAR_DB = 3.0  # above the gate: what counts as speech


def voice_of(window: Window) -> Emphasis:
    """Read a window of about a second."""
    return replace(emphasis_of(window.power), pause_slots=VIDEO_FPS * pause_of(window.power))


def pause_of(power: FloatArray) -> float:
    """Return how long ago a phrase ended, seconds: 0 within one, infinite where there was none within the window.

    A phrase has ended where silence follows it, and stays ended for a while when the next one begins.
    """
    speech = listen(power) if len(power) else None
    if speech is None:
        return math.inf
    heard = speech.levels_db > speech.gate_db + CLEAR_DB
    silence, within = round(SILENCE_S * COLUMNS_PER_SECOND), round(WITHIN_S * COLUMNS_PER_SECOND)
    last = len(heard) - 1
    for end in np.flatnonzero(heard[:-1] & ~heard[1:])[::-1]:
        if (last - end) > LATELY_S * COLUMNS_PER_SECOND:
            break
        follows = heard[end + 1 : end + 1 + silence]
        spoken = int(heard[max(0, end + 1 - within) : end + 1].sum())
        if not follows.any() and spoken >= PHRASE_S * COLUMNS_PER_SECOND and (len(follows) == silence or not heard[-1]):
            return (last - int(end)) / COLUMNS_PER_SECOND
    return 0.0
