"""How a portrait's head moves while it speaks and while it listens, in figures that people's heads have too.

What is published: head rotations of an actress in neutral and in lively speech spread by some one to six degrees about
an axis (C. Busso et al., Rigid Head Motion in Expressive Speech Animation, 2007). People who speak move their heads
nearly all the time, in movements that are slow (0.2 to 1.8 Hz) or ordinary (up to 3.7 Hz), and sometimes rapid (up to
7 Hz): U. Hadar et al., Kinematics of head movements accompanying speech during conversation, 1983. Head gestures lag
the voice's prosody by some 30 ms (G. Fotedar and P. Ghosh, 2017); ours, which hears no more than 35 ms of what is to
come, by the quarter of a second that a smooth reading takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.assets import SAMPLE
from app.commands.render import read_windows
from app.emphasis import CALM, Emphasis
from app.inference.engines.portrait.emphasis import emphasis_of
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.moment import moment
from app.media import VIDEO_FPS

SEEDS = (1, 2, 3, 4)
SLOTS = 10 * 60 * VIDEO_FPS
STILL_DEG_S = 1.0
PEOPLE_SPEAK = {
    "yaw_sd": "1-6",
    "pitch_sd": "1-6",
    "roll_sd": "1-6",
    "hz_50": "0.2-3.7",
    "hz_95": "<7",
}


def head_rows() -> list[dict[str, Any]]:
    """Return a row for who speaks the sample again and again, one for people's heads, and one for who listens."""
    spoken = [emphasis_of(window.power) for window in read_windows(SAMPLE, PortraitEngine.span)]
    spoken += [spoken[-1].after(slots) for slots in range(1, VIDEO_FPS)]
    rows = []
    for head, emphases in (("speaks", spoken), ("listens", [CALM])):
        row = _figures(np.concatenate([angles(seed, emphases, SLOTS)[None] for seed in SEEDS]))
        rows.append({"head": head} | row)
    rows.insert(1, {"head": "people who speak"} | {key: PEOPLE_SPEAK.get(key, "-") for key in row})
    return rows


def angles(seed: int, emphases: Sequence[Emphasis], slots: int) -> NDArray[np.float64]:
    """Return yaw, pitch and roll of each slot in degrees: (slots, 3); what is said is said again when it ends."""
    swings = [moment(seed, 1000 + slot, emphases[slot % len(emphases)]).swing[:3] for slot in range(slots)]
    return np.asarray(np.degrees(swings), np.float64)


def _figures(ways: NDArray[np.float64]) -> dict[str, Any]:
    """Say how heads went: degrees (n, slots, 3)."""
    spread = ways.std(axis=1).mean(axis=0)
    speed = np.linalg.norm(np.diff(ways, axis=1), axis=2) * VIDEO_FPS
    power = np.square(np.abs(np.fft.rfft(np.diff(ways, axis=1), axis=1))).sum(axis=(0, 2))  # of the movement itself
    share = np.cumsum(power) / power.sum()
    hz = np.fft.rfftfreq(ways.shape[1] - 1, 1 / VIDEO_FPS)
    return {
        "yaw_sd": round(float(spread[0]), 2),
        "pitch_sd": round(float(spread[1]), 2),
        "roll_sd": round(float(spread[2]), 2),
        "widest": round(float(np.abs(ways).max()), 1),
        "deg_s_mean": round(float(speed.mean()), 1),
        "deg_s_p95": round(float(np.percentile(speed, 95)), 1),
        "deg_s_max": round(float(speed.max()), 1),
        "hz_50": round(float(hz[np.searchsorted(share, 0.5)]), 2),
        "hz_95": round(float(hz[np.searchsorted(share, 0.95)]), 2),
        "still": f"{100 * float(np.mean(speed < STILL_DEG_S)):.0f}%",
    }
