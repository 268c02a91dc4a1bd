"""From timed sounds to a mouth that speaks them: coarticulation by dominance, closures that an eye can see.

Each sound pulls the mouth towards its target with a strength that falls off in time (M. Cohen and D. Massaro,
"Modeling coarticulation in synthetic visual speech", 1993); the lips' closures are laid over that, as they are
reached whatever stands beside them.
"""

from __future__ import annotations

import numpy as np

from app.inference.engines.portrait.shape import CHANNELS
from app.inference.features.mel import COLUMNS_PER_SECOND
from app.smoothstep import smoothstep
from tools.visemes.phones import PHONES, SILENCE, Phone
from tools.visemes.speech import Numbers, Segment

SOUNDS = tuple(PHONES)
# by when a sound's pull has fallen to 1/e outside its own middle: the mouth makes ready for a sound, and rounds early
BEFORE_S, AFTER_S = 0.060, 0.040
LIPS_BEFORE_S, LIPS_AFTER_S = 0.090, 0.060
PLATEAU = 0.35  # of a sound's duration, to each side of its middle
CLOSURE_S = 0.056  # at least: one picture of 25 a second must catch it
RELEASE = 0.72  # of a stop's duration, when its burst begins
RAMP_S = 0.032
QUIET_DB, QUIET_SHARE = 18.0, 0.55  # a vowel that much below the loudest opens that much less


def trajectory(segments: list[Segment], columns: int) -> Numbers:
    """Return the mouth at every mel column: float32 (columns, 8), see ``CHANNELS``."""
    times = np.arange(columns) / COLUMNS_PER_SECOND
    phones = [PHONES[segment.sound] for segment in segments]
    stress = _stress(segments, phones)
    pull = _pull(segments, times, BEFORE_S, AFTER_S)
    lips = _pull(segments, times, LIPS_BEFORE_S, LIPS_AFTER_S)
    closed = _laid_over(segments, times, np.array([phone.closed for phone in phones]), stops=True)
    tuck = _laid_over(segments, times, np.array([phone.tuck for phone in phones]), stops=False)
    free = np.minimum(1 - closed, 1 - 0.9 * tuck)
    opening = _mixed(pull, phones, np.array([p.opening for p in phones]) * stress, "hold")
    mouth = {
        "opening": np.minimum(opening, free),
        "jaw": _mixed(pull, phones, np.array([p.jaw for p in phones]) * stress, "hold"),
        "wide": _mixed(lips, phones, np.array([p.wide for p in phones]) * stress, "lips"),
        "rounding": _mixed(lips, phones, np.array([p.rounding for p in phones]), "lips"),
        "closed": closed,
        "tuck": tuck,
        "teeth": _mixed(pull, phones, np.array([p.teeth for p in phones]), "hold") * (1 - closed),
        "tongue": _mixed(pull, phones, np.array([p.tongue for p in phones]), "hold") * (1 - closed),
    }
    return np.stack([mouth[name] for name in CHANNELS], axis=1).astype(np.float32)


def sounds_at(segments: list[Segment], columns: int) -> Numbers:
    """Return which sound is heard at each mel column: int16 (columns,), an index into ``SOUNDS``."""
    starts = np.array([segment.start_s for segment in segments])
    names = np.array([SOUNDS.index(segment.sound) for segment in segments], np.int16)
    at = np.searchsorted(starts, np.arange(columns) / COLUMNS_PER_SECOND, side="right") - 1
    return np.where(at < 0, SOUNDS.index(SILENCE), names[np.maximum(at, 0)]).astype(np.int16)


def _pull(segments: list[Segment], times: Numbers, before_s: float, after_s: float) -> Numbers:
    """Return how near every time is to every sound: (columns, sounds), 1 within its plateau."""
    start = np.array([segment.start_s for segment in segments])
    end = np.array([segment.end_s for segment in segments])
    middle, plateau = (start + end) / 2, (end - start) * PLATEAU
    away = times[:, None] - middle
    away = np.where(away < 0, np.maximum(-away - plateau, 0) / before_s, np.maximum(away - plateau, 0) / after_s)
    # a sound of nearly no duration hardly pulls
    return np.asarray(np.exp(-np.square(away)) * np.minimum(1, (end - start) / 0.05) + 1e-9)


def _mixed(pull: Numbers, phones: list[Phone], values: Numbers, strength: str) -> Numbers:
    weights = pull * np.array([getattr(phone, strength) for phone in phones])
    return np.asarray((weights @ values) / weights.sum(axis=1))


def _laid_over(segments: list[Segment], times: Numbers, depth: Numbers, stops: bool) -> Numbers:
    curve = np.zeros(len(times))
    for segment, deep in zip(segments, depth, strict=True):
        if deep:
            length = segment.end_s - segment.start_s
            end = segment.start_s + (length * RELEASE if stops and segment.sound in "pb" else length)
            middle, half = (segment.start_s + end) / 2, max(end - segment.start_s, CLOSURE_S) / 2
            away = np.abs(times - middle) - half
            curve = np.maximum(curve, deep * np.clip(1 - away / RAMP_S, 0, 1))
    return np.asarray(smoothstep(curve))


def _stress(segments: list[Segment], phones: list[Phone]) -> Numbers:
    """Return how far each sound is spoken out, by its loudness in the utterance: 1 for consonants."""
    levels = np.array([segment.level_db for segment in segments])
    vowels = np.array([phone.vowel for phone in phones])
    if not vowels.any():
        return np.ones(len(segments))
    loudest = np.percentile(levels[vowels], 90)
    share = np.clip(1 - (loudest - levels) / QUIET_DB, 0, 1.1)
    return np.where(vowels, QUIET_SHARE + (1 - QUIET_SHARE) * share, 1.0)
