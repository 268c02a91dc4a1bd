"""``bench portrait --looks``: do eyes and brows keep to what is published of people's? As numbers, without drawing.

Also, where eSpeak NG is installed: are questions told from statements by their pitch?
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from app.assets import SAMPLE
from app.commands.render import read_windows
from app.emphasis import CALM, Emphasis
from app.inference.engines.portrait.look import Look, look_at
from app.inference.engines.portrait.viseme_net import SPAN
from app.inference.engines.portrait.voice import voice_of
from app.inference.expression import NEUTRAL, Expression
from app.media import MODEL_RATE, VIDEO_FPS
from bench.report import report

SEED = 2026
MINUTES = 30
AWAY_DEG = 2.0  # from the viewer: looks elsewhere
SHUT = 0.9
RAISED = 0.12  # of a full raise
VOICES = ("en-us", "en-gb", "en-us+f3", "de", "fr+f4", "en-us+m3")
QUESTIONS = ("You are coming tomorrow", "It was in the garden", "They like the music", "The train is late again")
ASKED = 0.2  # of the rise, from which brows are seen to move


def main() -> int:
    """Report eyes and brows, and questions."""
    talking = [voice_of(window) for window in read_windows(SAMPLE, SPAN)]
    rows = [
        _row("speaks", talking, NEUTRAL),
        _row("listens", [CALM], NEUTRAL),
        _row("listens, and shows it", [CALM], Expression(attending=1.0)),
    ]
    report("portrait looks: eyes and brows", rows)
    if shutil.which("espeak-ng"):
        report("portrait looks: questions", [_questions(voice) for voice in VOICES])
    return 0


def _row(what: str, voice: Sequence[Emphasis], expression: Expression) -> dict[str, Any]:
    """Follow a face for half an hour that hears the same over and over."""
    slots = range(100, 100 + MINUTES * 60 * VIDEO_FPS)
    looks = [look_at(SEED, slot, voice[slot % len(voice)], expression) for slot in slots]
    gaze = _of(looks, lambda look: (look.gaze_x, look.gaze_y))
    away = np.hypot(gaze[:, 0], gaze[:, 1]) > AWAY_DEG
    steps = np.hypot(*np.diff(gaze, axis=0).T)
    still = _runs(steps < 0.05) / VIDEO_FPS
    jumps = steps[steps > 0.3]
    blinks = _runs(_of(looks, lambda look: look.closure) > SHUT)
    raises = _runs(_of(looks, lambda look: look.inner) > RAISED)
    return {
        "face": what,
        "with_you": f"{100 * (1 - away.mean()):.0f}%",
        "away_s_mean": round(float(_runs(away).mean()) / VIDEO_FPS, 2),
        "with_you_s_mean": round(float(_runs(~away).mean()) / VIDEO_FPS, 2),
        "fixation_s_p50": round(float(np.median(still)), 2),
        "saccade_deg_p50": round(float(np.median(jumps)), 1),
        "saccade_deg_max": round(float(jumps.max()), 1),
        "blinks_a_minute": round(len(blinks) / MINUTES, 1),
        "brow_raises_a_minute": round(len(raises) / MINUTES, 1),
        "brow_raise_s_p50": round(float(np.median(raises)) / VIDEO_FPS, 2) if len(raises) else 0.0,
    }


def _questions(voice: str) -> dict[str, Any]:
    asked, said = (
        [max(e.rise for e in _heard(voice, text + mark) if e.pause_slots < 12) for text in QUESTIONS] for mark in "?."
    )
    return {
        "voice": voice,
        "questions_raised": f"{sum(rise > ASKED for rise in asked)}/{len(asked)}",
        "statements_raised": f"{sum(rise > ASKED for rise in said)}/{len(said)}",
    }


def _heard(voice: str, text: str) -> list[Emphasis]:
    from bench.portrait_quality import windows_of

    spoken = subprocess.run(["espeak-ng", "-v", voice, "--stdout", text], capture_output=True, check=True).stdout
    wave, rate = soundfile.read(io.BytesIO(spoken))
    wave = np.concatenate([soxr.resample(wave, rate, MODEL_RATE), np.zeros(MODEL_RATE // 2)])
    return [voice_of(window) for window in windows_of(wave.astype(np.float32))]


def _of(looks: Sequence[Look], part: Callable[[Look], Any]) -> NDArray[np.float64]:
    return np.array([part(look) for look in looks], np.float64)


def _runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how long each run of true values is."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int64), [0]])))
    return np.asarray(edges[1::2] - edges[::2], np.int64)
