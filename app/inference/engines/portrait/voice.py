"""What a second of voice tells a face: how strongly it speaks, what it stresses, when a phrase ended, if it asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from app.emphasis import Emphasis
from app.inference.engines.portrait.compiled import compiled
from app.inference.engines.portrait.emphasis import SECOND, emphasis_of
from app.inference.engines.portrait.pitch import rise_of
from app.inference.features.loudness import listen
from app.inference.features.mel import COLUMNS_PER_SECOND, N_MELS, SILENT_COLUMN
from app.inference.features.window import Window
from app.media import VIDEO_FPS, FloatArray

SILENCE_S = 0.20
# in columns: as much speech, and then as much silence, make a phrase's end
PHRASE, SILENCE = 0.25 * COLUMNS_PER_SECOND, round(SILENCE_S * COLUMNS_PER_SECOND)
WITHIN = round(0.45 * COLUMNS_PER_SECOND)  # in which that much speech lies
LATELY = int(0.58 * COLUMNS_PER_SECOND)  # since its end: longer ago does not count
RISES_S = SILENCE_S  # since its end, from when on it is asked whether it rose
CLEAR_DB = 3.0  # above the gate: what counts as speech


def voice_of(window: Window) -> Emphasis:
    """Read a window's last second; once, whoever asks."""
    return window.once(_read)


def _read(window: Window) -> Emphasis:
    power = window.power[-SECOND:]
    emphasis, end = emphasis_of(power), phrase_end(power)
    if end is None:
        return emphasis
    pause = len(power) - 1 - end
    rise = rise_of(window.mel[:, -SECOND:], end) if pause > RISES_S * COLUMNS_PER_SECOND else 0.0
    return replace(emphasis, rise=rise, pause_slots=pause * VIDEO_FPS / COLUMNS_PER_SECOND)


def make_hearing_ready() -> None:
    """Compile or load what a voice is heard with, which would hold up every face as the first one speaks, or ends."""
    power = np.geomspace(1e-6, 1e-2, SECOND, dtype=np.float32)
    emphasis_of(power)
    phrase_end(power)
    rise_of(np.full((N_MELS, SECOND), SILENT_COLUMN, np.float32), SECOND - 1)


def phrase_end(power: FloatArray) -> int | None:
    """Return the last column of the phrase that ended last; None where none did lately.

    A phrase has ended where silence follows it, and stays ended for a while when the next one begins. Within a phrase
    it is the latest column: it may end any time.
    """
    speech = listen(power) if len(power) else None
    if speech is None:
        return None
    end = int(_last_end(speech.levels_db, np.float32(speech.gate_db + CLEAR_DB)))
    return end if end >= 0 else None


@compiled
def _last_end(levels_db: FloatArray, clear_db: Any) -> int:
    """Return the column that :func:`phrase_end` returns, of loudness float32 (columns,); −1 for None."""
    last, latest = len(levels_db) - 1, -1
    if levels_db[last] > clear_db:
        latest = last
    for end in range(last - 1, max(-1, last - LATELY - 1), -1):
        if levels_db[end] <= clear_db or levels_db[end + 1] > clear_db:
            continue
        spoken, silent = 0, True
        for at in range(max(0, end + 1 - WITHIN), end + 1):
            spoken += levels_db[at] > clear_db
        for at in range(end + 1, min(last, end + SILENCE) + 1):
            silent = silent and levels_db[at] <= clear_db
        if not silent or spoken < PHRASE:
            continue
        if last - end >= SILENCE:
            return end
        latest = end  # silent so far: it may have ended
    return latest
