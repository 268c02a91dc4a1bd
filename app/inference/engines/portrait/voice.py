"""What a second of voice tells a face: how strongly it speaks, when a phrase ended, and whether it was a question."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.emphasis import Emphasis
from app.inference.engines.portrait.emphasis import emphasis_of
from app.inference.engines.portrait.pitch import rise_of
from app.inference.features.loudness import listen
from app.inference.features.mel import COLUMNS_PER_SECOND
from app.inference.features.window import Window
from app.media import VIDEO_FPS, FloatArray

PHRASE_S, SILENCE_S = 0.25, 0.20  # as much speech, and then as much silence, make a phrase's end
WITHIN_S = 0.45  # in which that much speech lies
LATELY_S = 0.58  # since its end: longer ago does not count
RISES_S = SILENCE_S  # since its end, from when on it is asked whether it rose
CLEAR_DB = 3.0  # above the gate: what counts as speech


def voice_of(window: Window) -> Emphasis:
    """Read a window of about a second."""
    emphasis, end = emphasis_of(window.power), phrase_end(window.power)
    if end is None:
        return emphasis
    pause = len(window.power) - 1 - end
    rise = rise_of(window.mel, end) if pause > RISES_S * COLUMNS_PER_SECOND else 0.0
    return replace(emphasis, rise=rise, pause_slots=pause * VIDEO_FPS / COLUMNS_PER_SECOND)


def phrase_end(power: FloatArray) -> int | None:
    """Return the last column of the phrase that ended last; None where none did lately.

    A phrase has ended where silence follows it, and stays ended for a while when the next one begins. Within a phrase
    it is the latest column: it may end any time.
    """
    speech = listen(power) if len(power) else None
    if speech is None:
        return None
    heard = speech.levels_db > speech.gate_db + CLEAR_DB
    silence, within = round(SILENCE_S * COLUMNS_PER_SECOND), round(WITHIN_S * COLUMNS_PER_SECOND)
    last = len(heard) - 1
    latest = last if heard[last] else None
    for end in np.flatnonzero(heard[:-1] & ~heard[1:])[::-1]:
        if last - end > LATELY_S * COLUMNS_PER_SECOND:
            break
        follows = heard[end + 1 : end + 1 + silence]
        if follows.any() or heard[max(0, end + 1 - within) : end + 1].sum() < PHRASE_S * COLUMNS_PER_SECOND:
            continue
        if len(follows) == silence:
            return int(end)
        latest = int(end)  # silent so far: it may have ended
    return latest
