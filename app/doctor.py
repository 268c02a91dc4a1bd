"""``doctor``: what would run here, how fast, and what is missing."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable

import numpy as np

from app.avatars.store import DEFAULT_ID, AvatarStore
from app.config import Settings
from app.inference.engine import Job, Window
from app.inference.engines import Engines, EngineUnavailable, NoSuchEngine
from app.inference.face import FaceFinder, LandmarkFilesMissing
from app.inference.mel import N_MELS
from app.media import MODEL_SAMPLES_PER_FRAME, SILENCE, VIDEO_FPS, AudioSlice, Journey

TRIALS = 30


def diagnose(settings: Settings) -> int:
    """Print the findings; returns 0 when the default engine would run in real time."""
    print(f"python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    engines = Engines(settings.weights_dir, settings.engine, settings.threads)
    for status in engines.statuses():
        print(f"engine {status.name:9} {'ready' if status.available else 'missing'}  {status.why}")
    try:
        chosen = engines.resolve("auto")
    except NoSuchEngine as error:
        print(f'problem: LIPWIRE_ENGINE names no engine: "{error}"')
        return 1
    print(f"auto means {chosen}")
    try:
        rate = _measure(engines, chosen, settings)
    except (EngineUnavailable, LandmarkFilesMissing) as error:
        print(f"problem: {error}")
        return 1
    sessions = rate / VIDEO_FPS
    print(f"{chosen}: {rate:.0f} frames/s on the default face, enough for {sessions:.1f} sessions before encoding")
    return 0 if sessions >= 1 else 1


def _measure(engines: Engines, name: str, settings: Settings) -> float:
    engine = engines.get(name)
    store = AvatarStore(settings.data_dir, FaceFinder(), settings.max_side, settings.max_avatars)
    prepared = engine.prepare(store.load(DEFAULT_ID))
    columns = engine.span.columns if engine.span else 0
    job = Job(prepared, _loud_window(columns))
    engine.render([job])
    return TRIALS / _timed(lambda: [engine.render([job]) for _ in range(TRIALS)])


def _loud_window(columns: int) -> Window:
    """Make a window that asks for an open mouth: half a second of rest, then sound."""
    mel = np.full((N_MELS, columns), -3.0, np.float32)
    mel[:, columns // 2 :] = 1.0
    sound = AudioSlice(0, 0, SILENCE, np.full(MODEL_SAMPLES_PER_FRAME, 0.3, np.float32), False, Journey(0))
    return Window(sound, mel)


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
