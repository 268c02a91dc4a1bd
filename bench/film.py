"""Pictures of our own talking face, rendered beforehand: what stock aiortc is given to send."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from app.commands.render import read_windows
from app.i420 import to_bgr
from app.inference.engine import Job
from app.inference.engines.portrait.engine import PortraitEngine
from app.media import SAMPLE_RATE, VIDEO_FPS
from bench.portrait import default_avatar
from bench.tone import CYCLE_SAMPLES, Tone

SECONDS = 2 * CYCLE_SAMPLES // SAMPLE_RATE  # played forth and back


def render_film(folder: Path, side: int) -> Path:
    """Write the default face, alive, saying the tone that sessions are given: uint8 (frames, side, side, 3), BGR."""
    sound, film = folder / "tone.wav", folder / "film.npy"
    soundfile.write(sound, Tone().samples(0, SECONDS * SAMPLE_RATE), SAMPLE_RATE)
    engine = PortraitEngine(idle_motion=True)
    prepared = engine.prepare(default_avatar(side))
    shape = (SECONDS * VIDEO_FPS, side, side, 3)
    pictures = np.lib.format.open_memmap(film, "w+", np.uint8, shape)
    for position, window in enumerate(read_windows(sound, engine.span)):
        if position < len(pictures):
            pictures[position] = to_bgr(engine.render([Job(prepared, window, position)])[0])
    pictures.flush()
    return film
