"""How well a network hears voices that it was never taught."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from app.inference.engines.portrait.shape import CHANNELS
from app.inference.engines.portrait.viseme_net import AHEAD_COLUMNS, COLUMNS, LOOK_BACK_FRAMES
from app.inference.features.mel import N_MELS, SILENT_COLUMN, column_at
from app.media import VIDEO_FPS
from tools.visemes.corpus import read_shard
from tools.visemes.network import VisemeNetwork
from tools.visemes.speech import Numbers, Segment
from tools.visemes.targets import SOUNDS, sounds_at, trajectory

BY_TONGUE = "tdnʈɖɳlɭɫɬɾ"
BESIDE_CLOSED = set("pbmɓfvɱʋwʍβɸ_")
CLOSED_BELOW = 0.12  # of the widest opening
OPENING, CLOSED, TUCK = (CHANNELS.index(name) for name in ("opening", "closed", "tuck"))


def judge(network: VisemeNetwork, corpus: Path) -> dict[str, dict[str, float]]:
    """Return the figures of every held-out kind of voice, clean and roughened together."""
    figures: dict[str, list[dict[str, float]]] = defaultdict(list)
    for file in sorted(corpus.glob("held-*.npz")):
        kind = "hts" if file.stem.endswith("hts") else file.stem.split("-")[1]
        for mel, segments in read_shard(file):
            figures[kind].append(_judged(network, mel, segments))
    return {
        kind: {key: round(float(np.nanmean([row[key] for row in rows])), 3) for key in rows[0]}
        for kind, rows in figures.items()
    }


def hear(network: VisemeNetwork, mel: Numbers) -> Numbers:
    """Return the mouth of each frame of float (columns, 80), as in a stream: float32 (frames, 8)."""
    before = np.full((-column_at(-LOOK_BACK_FRAMES), N_MELS), SILENT_COLUMN, np.float32)
    after = np.full((AHEAD_COLUMNS + 4, N_MELS), SILENT_COLUMN, np.float32)
    row = np.concatenate([before, mel.astype(np.float32), after])
    frames = (len(mel) - 1) * 5 // 16
    windows = np.stack([row[column_at(f) : column_at(f) + COLUMNS] for f in range(frames)])
    with torch.no_grad():
        return np.asarray(VisemeNetwork.squashed(network(torch.from_numpy(windows))[0]).numpy())


def likeness(a: Numbers, b: Numbers) -> float:
    """Return the correlation of two rows, NaN where one never moves."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-4 and b.std() > 1e-4 else float("nan")


def _judged(network: VisemeNetwork, mel: Numbers, segments: list[Segment]) -> dict[str, float]:
    mouth, sound = trajectory(segments, len(mel)), sounds_at(segments, len(mel))
    heard = hear(network, mel)
    times = (np.arange(len(heard)) + 0.5) * 3.2
    true = mouth.astype(np.float32)[np.minimum(times.round().astype(int), len(mouth) - 1)]
    said = {
        name: likeness(heard[:, at], true[:, at]) for at, name in enumerate(CHANNELS) if name not in ("teeth", "tongue")
    }
    shown = heard[:, OPENING] * (1 - np.clip((heard[:, CLOSED] - 0.25) / 0.3, 0, 1))
    lags = [likeness(shown[4 + lag : len(shown) - 4 + lag], true[4 : len(true) - 4, OPENING]) for lag in range(-3, 4)]
    quiet = [SOUNDS[s] == "_" for s in sound[np.minimum(times.round().astype(int), len(sound) - 1)]]
    wide_open = true[:, OPENING] > 0.35
    return {
        **said,
        "lag": float(np.nanargmax(lags) - 3) if not np.isnan(lags).all() else float("nan"),
        "pbm": caught(sound, times, shown < CLOSED_BELOW, "pbmɓ"),
        "ntdl": parted(segments, shown < CLOSED_BELOW),
        "fv": caught(sound, times, heard[:, TUCK] > 0.4, "fvɱ"),
        "falsely": float(np.mean(shown[wide_open] < CLOSED_BELOW)) if wide_open.any() else np.nan,
        "quiet": float(np.mean(shown[np.array(quiet)])) if any(quiet) else float("nan"),
    }


def parted(segments: list[Segment], shut: Numbers) -> float:
    """Return in how many of their pictures n, t, d and l are shown with shut lips, beside no closure and no pause.

    ``shut``: bool (pictures,), 25 a second; a picture belongs to the sound that its middle lies in.
    """
    sounds = ["_", *(segment.sound for segment in segments), "_"]
    middles = (np.arange(len(shut)) + 0.5) / VIDEO_FPS
    seen = [
        shut[(segment.start_s <= middles) & (middles < segment.end_s)]
        for at, segment in enumerate(segments)
        if segment.sound in BY_TONGUE and not {sounds[at], sounds[at + 2]} & BESIDE_CLOSED
    ]
    pictures = np.concatenate([np.zeros(0, bool), *seen])
    return float(np.mean(pictures)) if len(pictures) else float("nan")


def caught(sound: Numbers, times: Numbers, shown: Numbers, sounds: str) -> float:
    """Return in how many of the runs of some sounds a picture within them (or 20 ms beside) shows it."""
    inside = np.concatenate([[False], [SOUNDS[s] in sounds for s in sound], [False]])
    edges = np.flatnonzero(np.diff(inside.astype(int))).reshape(-1, 2)
    hits = [shown[(times >= start - 1.6) & (times <= end + 1.6)].any() for start, end in edges]
    return float(np.mean(hits)) if hits else float("nan")
