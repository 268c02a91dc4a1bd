"""``doctor``: what would run here, how fast, and what is missing."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Callable

from app.avatars.store import DEFAULT_ID, AvatarStore
from app.config import Settings
from app.faces.face import MESH_FILE, FaceFinder, LandmarkFilesMissing, landmark_file
from app.inference.calibration import LATER, loud_window
from app.inference.engine import Job
from app.inference.engines.registry import Engines, EngineUnavailable, NoSuchEngine
from app.media import VIDEO_FPS
from app.speech.openai_compatible import OpenAiServer
from app.speech.speech import find_speech

TRIALS = 30


def diagnose(settings: Settings) -> int:
    """Print the findings; returns 0 when the default engine would run in real time."""
    print(f"python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    engines = Engines(settings.weights_dir, settings.engine, settings.threads, life=settings.life)
    for status in engines.statuses():
        print(f"engine {status.name:9} {'ready' if status.available else 'missing'}  {status.why}")
    print(f"speech {asyncio.run(_speaking(settings))}")
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


async def _speaking(settings: Settings) -> str:
    """Say who would speak a text."""
    speech = find_speech(
        OpenAiServer(settings.speech_url, settings.speech_key, settings.speech_model, settings.speech_voice)
    )
    known = await speech.voices()
    await speech.aclose()
    if known.default is None:
        return f"missing  {known.why}"
    who = "the server at LIPWIRE_SPEECH_URL" if settings.speech_url else f"eSpeak NG, {len(known.voices)} voices"
    return f"ready  {who}, {known.default}"


def _measure(engines: Engines, name: str, settings: Settings) -> float:
    landmark_file(MESH_FILE)  # which the service does not start without
    engine = engines.get(name)
    store = AvatarStore(settings.data_dir, FaceFinder(), settings.max_side, settings.max_avatars)
    prepared = engine.prepare(store.load(DEFAULT_ID))
    window = loud_window(engine.span)
    jobs = [Job(prepared, window, LATER + position) for position in range(TRIALS)]
    engine.render(jobs[:1])
    return TRIALS / _timed(lambda: [engine.render([job]) for job in jobs])


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
