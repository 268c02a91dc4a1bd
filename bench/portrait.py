"""``bench portrait``: what one frame of the portrait engine costs, on one core, by the picture's size.

``--quality`` judges what it shows instead, ``--looks`` its eyes and brows: ``portrait_quality``, ``portrait_looks``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from app.assets import SAMPLE
from app.avatars.avatar import Avatar
from app.avatars.store import DEFAULT_ID, AvatarStore
from app.commands.render import read_windows
from app.faces.face import FaceFinder
from app.inference.engine import Job
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.viseme_driver import mouth_shape
from app.inference.features.window import Window
from bench.head_motion import head_rows
from bench.report import report, summary, times_ms

SIDES = (512, 768, 1080)
FRAMES = 400


def main(arguments: list[str] | None = None) -> int:
    """Render the sample's speech on the default portrait at several sizes, or judge it."""
    parser = argparse.ArgumentParser(prog="bench portrait")
    parser.add_argument("--quality", action="store_true", help="judge lips against speech with known phonemes")
    parser.add_argument("--looks", action="store_true", help="compare eyes and brows with what is known of people's")
    parser.add_argument("--head", action="store_true", help="how the head moves, against people's; no picture is drawn")
    parser.add_argument("--film", type=Path, nargs="*", default=[], help="films of real speakers to compare with")
    wanted = parser.parse_args(arguments)
    if wanted.looks:
        from bench import portrait_looks

        return portrait_looks.main()
    cv2.setNumThreads(1)
    if wanted.head:
        report("portrait: head", head_rows())
        return 0
    if wanted.quality:
        from bench import portrait_quality

        return portrait_quality.main(default_avatar(768), wanted.film)
    windows = [window for window in read_windows(SAMPLE, PortraitEngine.span) if not window.sound.silent]
    report("portrait", [_cost(life, side, windows) for life in (False, True) for side in SIDES])
    return 0


def _cost(life: bool, side: int, windows: list[Window]) -> dict[str, Any]:
    engine = PortraitEngine(idle_motion=life)
    began = time.perf_counter()
    prepared = engine.prepare(default_avatar(side))
    prepare_ms = (time.perf_counter() - began) * 1000
    turn = enumerate(cycle(windows))

    def draw() -> None:
        position, window = next(turn)
        engine.render([Job(prepared, replace(window), position)])  # a fresh one: a window keeps what was read of it

    times = times_ms(draw, FRAMES)
    hearing = times_ms(lambda: mouth_shape(replace(windows[len(windows) // 2])), FRAMES)
    return {
        "picture": f"{side}x{side}",
        "life": "on" if life else "off",
        **summary(times),
        "fps": round(1000 / statistics.median(times)),
        "ear_p50_ms": summary(hearing)["p50_ms"],
        "prepare_ms": round(prepare_ms),
    }


def default_avatar(side: int) -> Avatar:
    """Return the bundled avatar scaled to a square of ``side`` pixels."""
    with tempfile.TemporaryDirectory() as folder:
        found = AvatarStore(Path(folder), FaceFinder(), 1080, 1).load(DEFAULT_ID)
    scale = side / found.width
    image = np.asarray(cv2.resize(found.image, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    return Avatar(found.id, found.name, image, (found.mesh * scale).astype(np.float32))
