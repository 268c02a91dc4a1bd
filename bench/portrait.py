"""``bench portrait``: what one frame of the portrait engine costs, on one core, by the picture's size."""

from __future__ import annotations

import statistics
import tempfile
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np

from app.avatars.store import DEFAULT_ID, AvatarStore
from app.inference.engine import Job, Portrait
from app.inference.face import FaceFinder
from app.inference.portrait.engine import PortraitEngine
from app.render import read_windows
from bench.report import report, summary, times_ms

SIDES = (512, 768, 1080)
FRAMES = 400
SAMPLE = Path(__file__).resolve().parent.parent / "web" / "assets" / "sample.wav"


def main(arguments: list[str] | None = None) -> int:
    """Render the sample's speech on the default portrait at several sizes."""
    cv2.setNumThreads(1)
    engine = PortraitEngine()
    windows = [window for window in read_windows(SAMPLE, engine.span) if not window.sound.silent]
    rows = []
    for side in SIDES:
        prepared = engine.prepare(default_portrait(side))
        turn = cycle(windows)
        times = times_ms(lambda turn=turn, prepared=prepared: engine.render([Job(prepared, next(turn))]), FRAMES)  # type: ignore[misc]
        rows.append({"picture": f"{side}x{side}", **summary(times), "fps": round(1000 / statistics.median(times))})
    report("portrait", rows)
    return 0


def default_portrait(side: int) -> Portrait:
    """Return the bundled avatar scaled to a square of ``side`` pixels."""
    with tempfile.TemporaryDirectory() as folder:
        found = AvatarStore(Path(folder), FaceFinder(), 1080, 1).load(DEFAULT_ID)
    scale = side / found.width
    image = np.asarray(cv2.resize(found.image, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    return Portrait(found.id, found.name, image, (found.mesh * scale).astype(np.float32))
