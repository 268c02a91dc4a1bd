"""``bench wav2lip``: the backend that would run here beside a plain run of the same model, with the same threads."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.assets import DEFAULT_PICTURE, SAMPLE
from app.avatars.avatar import Avatar
from app.avatars.picture import read_picture
from app.checkpoints.manifest import find_checkpoint
from app.commands.render import read_windows
from app.config import load_settings
from app.faces.face import FaceFinder
from app.inference.engine import Job
from app.inference.engines.wav2lip.backend import LOWER_ROWS, Backend, ModelFace
from app.inference.engines.wav2lip.checkpoint import load_checkpoint
from app.inference.engines.wav2lip.engine import LOOK_BACK_COLUMNS, SPAN, Wav2LipEngine
from app.inference.engines.wav2lip.model import Wav2Lip
from app.inference.engines.wav2lip.paste import face_box, model_face, model_input
from app.inference.engines.wav2lip.select_backend import select_backend
from app.inference.features.window import Window
from bench.report import machine


def main(arguments: list[str] | None = None) -> int:
    """Time both in turn, so that a noisy machine is as noisy for the one as for the other."""
    parser = argparse.ArgumentParser(prog="bench wav2lip")
    parser.add_argument("--checkpoint", type=Path, help="default: the one in weights/")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--frames", type=int, default=20, help="drawn a round and batch size")
    args = parser.parse_args(arguments)
    settings = load_settings()
    path = args.checkpoint or find_checkpoint(settings.weights_dir, "wav2lip")
    if path is None:
        print("error: no checkpoint; name one with --checkpoint", file=sys.stderr)
        return 2
    threads = settings.threads or os.cpu_count() or 1
    torch.set_num_threads(threads)
    model = load_checkpoint(path)
    bench = Bench(model, select_backend(path, threads))
    rows = [bench.compare(batch, args.rounds, args.frames) for batch in args.batches]
    found = {
        "bench": "wav2lip",
        "machine": machine(),
        "threads": threads,
        "precision": bench.backend.precision,
        "plain_fps": {str(row["batch"]): row["plain_fps"] for row in rows},
        "fps": {str(row["batch"]): row["fps"] for row in rows},
        "times_faster": {str(row["batch"]): row["times_faster"] for row in rows},
        "engine_fps": {str(row["batch"]): row["engine_fps"] for row in rows},
        "error": bench.error(),
    }
    for row in rows:
        print("  ".join(f"{name}: {value}" for name, value in row.items()))
    print(f"difference on pasted pixels from float32, of 255: {found['error']}")
    print(json.dumps(found))
    return 0


class Bench:
    """One face, one recording, both ways of drawing it."""

    def __init__(self, model: Wav2Lip, backend: Backend) -> None:
        self._model = model
        self.backend = backend
        picture = read_picture(DEFAULT_PICTURE.read_bytes(), FaceFinder(), 1080)
        avatar = Avatar("bench", "bench", picture.image, picture.mesh)
        box = face_box(avatar.mesh, avatar.width, avatar.height)
        self._input = model_input(model_face(avatar.image, box))
        self._face = ModelFace(self._input)
        self._engine = Wav2LipEngine(self.backend)
        self._avatar = self._engine.prepare(avatar)
        self._windows = loud_windows()
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model.to(self._device)

    def compare(self, batch: int, rounds: int, frames: int) -> dict[str, Any]:
        """Return frames a second of each at one batch size: medians over rounds."""
        windows = [self._windows[i % len(self._windows)] for i in range(batch)]
        mels = np.stack([window.mel[:, LOOK_BACK_COLUMNS:] for window in windows])
        jobs = [Job(self._avatar, window) for window in windows]
        calls: dict[str, Callable[[], object]] = {
            "plain_fps": lambda: self.plain(mels),
            "fps": lambda: self.backend.draw(mels, [self._face] * batch),
            "engine_fps": lambda: self._engine.render(jobs),
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        repeats = max(1, frames // batch)
        for _ in range(rounds + 1):  # the first round warms up
            for name, call in calls.items():
                begun = time.perf_counter()
                for _ in range(repeats):
                    call()
                times[name].append((time.perf_counter() - begun) / repeats)
        found = {name: round(batch / statistics.median(each[1:]), 1) for name, each in times.items()}
        return {"batch": batch, **found, "times_faster": round(found["fps"] / found["plain_fps"], 2)}

    def plain(self, mels: np.ndarray) -> np.ndarray:
        """Run the model as anyone would: whole, eager, in float32."""
        with torch.inference_mode():
            mel = torch.from_numpy(mels[:, None]).to(self._device)
            face = torch.from_numpy(np.repeat(self._input[None], len(mels), axis=0)).to(self._device)
            drawn: np.ndarray = self._model(mel, face).cpu().numpy()
        return drawn

    def error(self) -> dict[str, float]:
        """Return the mean and the largest difference in the lower half, of 255."""
        mels = np.stack([window.mel[:, LOOK_BACK_COLUMNS:] for window in self._windows])
        exact = self.plain(mels)[:, :, -LOWER_ROWS:].transpose(0, 2, 3, 1) * 255
        difference = np.abs(self.backend.draw(mels, [self._face] * len(mels)) - exact)
        return {"mean": round(float(difference.mean()), 4), "max": round(float(difference.max()), 3)}


def loud_windows(count: int = 40) -> list[Window]:
    """Return windows of the sample's speech, spread over it."""
    windows = [window for window in read_windows(SAMPLE, SPAN) if not window.sound.silent]
    return windows[:: max(1, len(windows) // count)][:count]
