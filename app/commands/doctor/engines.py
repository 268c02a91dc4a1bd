"""What draws and speaks: engines, their files, the voice; and how many sessions that makes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from app.avatars.store import DEFAULT_ID, AvatarStore
from app.checkpoints.manifest import read_manifest, verify
from app.commands.doctor.finding import Finding, ok, problem, warn
from app.config import Settings
from app.faces.face import MESH_FILE, FaceFinder, LandmarkFilesMissing, landmark_file
from app.inference.calibration import LATER, loud_window
from app.inference.engine import Job
from app.inference.engines.registry import Engines, EngineUnavailable, NoSuchEngine
from app.media import VIDEO_FPS
from app.speech.openai_compatible import OpenAiServer
from app.speech.speech import find_speech

TRIALS = 30


def engines(settings: Settings) -> Iterator[Finding]:
    """Look whether each part is here, and measure the default engine on the default face."""
    known = Engines(settings.weights_dir, settings.engine, settings.threads, life=settings.life)
    try:
        landmark_file(MESH_FILE)
        yield ok("landmarks", "the face landmark files are here")
    except LandmarkFilesMissing as error:
        yield problem("landmarks", str(error).rstrip("."), "run `lipwire setup`")
        return
    yield from _weights(settings)
    yield asyncio.run(_speech(settings))
    for status in known.statuses():
        said = f"{status.name} {'is ready' if status.available else f'is missing: {status.why}'}"
        yield ok("engine", said)
    try:
        chosen = known.resolve("auto")
        yield ok("engine", f"auto means {chosen}")
        rate = _measure(known, chosen, settings)
    except NoSuchEngine as error:
        yield problem("engine", f'LIPWIRE_ENGINE names no engine: "{error}"', "see docs/settings.md")
        return
    except EngineUnavailable as error:
        yield problem("engine", str(error).rstrip("."), "or set LIPWIRE_ENGINE to another")
        return
    sessions = rate / VIDEO_FPS
    said = f"{chosen}: {rate:.0f} frames/s on the default face, enough for {sessions:.1f} sessions before encoding"
    if sessions < 1:
        yield problem("speed", said, "this machine is too slow, or busy with something else")
    elif sessions < settings.max_sessions:
        yield warn("speed", said, "those past what there is time for are refused (server_busy)")
    else:
        yield ok("speed", said)


def _weights(settings: Settings) -> Iterator[Finding]:
    for entry in read_manifest(settings.weights_dir):
        if entry.path(settings.weights_dir).is_file() and verify(settings.weights_dir, entry) == "wrong":
            yield problem("weights", f"{entry.name} is not the file it should be", "`lipwire weights fetch --force`")


async def _speech(settings: Settings) -> Finding:
    speech = find_speech(
        OpenAiServer(settings.speech_url, settings.speech_key, settings.speech_model, settings.speech_voice)
    )
    known = await speech.voices()
    await speech.aclose()
    if known.default is None:
        return warn("speech", f"texts cannot be spoken: {known.why}".rstrip("."), "voices and recordings can")
    who = "the server at LIPWIRE_SPEECH_URL" if settings.speech_url else f"eSpeak NG, {len(known.voices)} voices"
    return ok("speech", f"{who}, {known.default}")


def _measure(known: Engines, name: str, settings: Settings) -> float:
    engine = known.get(name)
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
