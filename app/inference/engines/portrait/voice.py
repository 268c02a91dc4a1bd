"""What a second of voice tells a face: how strongly it speaks, what it stresses, when a phrase ended, if it asks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.emphasis import Emphasis
from app.inference.engines.portrait.emphasis import LOUD_RANGE_DB, SECOND, STEPS, emphasis_of
from app.inference.engines.portrait.pitch import rise_of
from app.inference.features.loudness import listen
from app.inference.features.mel import COLUMNS_PER_SECOND, N_MELS, SILENT_COLUMN
from app.inference.features.window import Window
from app.media import VIDEO_FPS, FloatArray
from app.smoothstep import smoothstep

PHRASE_S, SILENCE_S = 0.25, 0.20  # as much speech, and then as much silence, make a phrase's end
WITHIN_S = 0.45  # in which that much speech lies
LATELY_S = 0.58  # since its end: longer ago does not count
RISES_S = SILENCE_S  # since its end, from when on it is asked whether it rose
SYLLABLE = np.hanning(19)[1:-1] / np.hanning(19).sum()  # over which loudness is smoothed, in columns
# how long ago a syllable begins to lift the brows, how long they take; when they are down again, and how long they took
RAISED_S = (0.06, 0.26, 0.84, 0.36)
CLEAR_DB = 3.0  # above the gate: what counts as speech


def voice_of(window: Window) -> Emphasis:
    """Read a window's last second."""
    mel, power = window.mel[:, -SECOND:], window.power[-SECOND:]
    emphasis, end = emphasis_of(power), phrase_end(power)
    if emphasis.level > 0:
        emphasis = replace(emphasis, stress=round(STEPS * stress_of(power) * min(1.0, 4 * emphasis.level)) / STEPS)
    if end is None:
        return emphasis
    pause = len(power) - 1 - end
    rise = rise_of(mel, end) if pause > RISES_S * COLUMNS_PER_SECOND else 0.0
    return replace(emphasis, rise=rise, pause_slots=pause * VIDEO_FPS / COLUMNS_PER_SECOND)


def make_hearing_ready() -> None:
    """Compile or load what a phrase's end is heard with, which would hold up every face as the first one ends."""
    rise_of(np.full((N_MELS, SECOND), SILENT_COLUMN, np.float32), SECOND - 1)


def stress_of(power: FloatArray) -> float:
    """Return how far the loudest of the last syllables stands out from the second around it, 0…1.

    A syllable counts from a sixth of a second after it on, for as long as a brow stays up, and comes and goes smoothly.
    """
    whole, lags, held = _windows(len(power))
    loudest_db = float(5 * np.log10(np.square(power) @ whole))
    loud = np.square(np.clip((10 * np.log10(power) - loudest_db) / LOUD_RANGE_DB + 1, 0, 1))
    smooth = np.convolve(np.pad(loud, len(SYLLABLE) // 2, mode="edge"), SYLLABLE, "valid")
    return max(0.0, float(((smooth[lags] - loud @ whole) * held).max()))


@cache
def _windows(columns: int) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
    """Return how much each column counts in the second; and which are asked for stress, and how much each counts."""
    whole = np.sin(np.pi * (np.arange(columns) + 0.5) / columns) ** 2
    ages = np.arange(columns)[::-1] / COLUMNS_PER_SECOND
    come, gone = (ages - RAISED_S[0]) / RAISED_S[1], (RAISED_S[2] - ages) / RAISED_S[3]
    held = smoothstep(np.clip(np.minimum(come, gone), 0, 1))
    lags = np.flatnonzero(held)
    return (whole / whole.sum()).astype(np.float32), lags, held[lags].astype(np.float32)


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
