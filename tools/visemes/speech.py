"""Speech with the time of every sound in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from app.media import MODEL_RATE
from tools.visemes.phones import SILENCE

Numbers = NDArray[Any]  # a wave, a row of figures


@dataclass(frozen=True, slots=True)
class Segment:
    """One sound of ``phones.PHONES``, when it is heard, in seconds, and how loud it was spoken."""

    sound: str
    start_s: float
    end_s: float
    level_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """``wave``: float32 (n,) at 16 kHz, −1…1. ``segments``: its sounds in order, silence included."""

    wave: Numbers
    segments: list[Segment]


def utterance(wave: Numbers, rate: int, phones: list[tuple[list[str], float, float]]) -> Utterance:
    """Make one of a synthesiser's answer: each phone with the sounds it is made of, its start and its end.

    A phone of several sounds (a diphthong, an affricate) is shared out evenly among them; one of none (a mark that
    changes the sound before it) lengthens what came before.
    """
    segments: list[Segment] = []
    for sounds, start, end in phones:
        if not sounds and segments:
            segments[-1] = replace(segments[-1], end_s=end)
            continue
        step = (end - start) / max(1, len(sounds))
        for place, sound in enumerate(sounds or [SILENCE]):
            segments.append(Segment(sound, start + place * step, start + (place + 1) * step))
    heard = [replace(segment, level_db=_level_db(wave, rate, segment)) for segment in segments]
    return Utterance(np.asarray(soxr.resample(wave, rate, MODEL_RATE), np.float32), heard)


def _level_db(wave: Numbers, rate: int, segment: Segment) -> float:
    part = wave[int(segment.start_s * rate) : int(segment.end_s * rate) + 1]
    return float(10 * np.log10(np.mean(np.square(part)) + 1e-9)) if len(part) else -90.0
