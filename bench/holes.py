"""Finds what is wrong with a received test tone: holes that were cut into it, and jumps of its phase.

The tone's frequency and length are known (``bench/tone.py``), so everything is judged against itself: no reference is
aligned, and a voice may come as late as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.media import SAMPLE_RATE, FloatArray
from bench.tone import TONE_HZ, TONE_SAMPLES

Kind = Literal["hole", "jump"]

HOLE_DB = -12.0  # under the tone's level: quieter than this is a hole
EDGE_DB = -3.0  # a hole is measured from where its power is halved to where it has come back
PERIOD = round(SAMPLE_RATE / TONE_HZ)  # 217 samples, 4.5 ms: over a whole period a tone's power is constant
FIT = 2 * PERIOD - 1  # samples that a jump is judged by: it must be odd
JUMP_RMS = 0.14  # of the tone's level: what may remain of it (−17 dB), its fit taken away; a step of 20° is 0.17
JUMP_SPAN = SAMPLE_RATE // 500 + 1  # 2 ms: what remains is averaged over
NEAR = SAMPLE_RATE * 30 // 1000  # so close to an edge or a hole the codec still settles
ONE_FAULT = SAMPLE_RATE * 30 // 1000  # jumps closer to each other than this are one
SHORTEST = (
    SAMPLE_RATE * 10 // 1000
)  # sound shorter than this is the rest of something: a decoder stumbles after a lost packet
SLACK = SAMPLE_RATE * 150 // 1000  # what a tone may lack or have too much of, and still be a whole one
SHORTEST_PAUSE = SAMPLE_RATE * 300 // 1000  # what catching up may leave of a pause
AUDIBLE = 0.01  # of full scale: below it there is no tone at all


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong. ``at``: its first sample; ``tone``: in which tone, and after how many of its samples."""

    kind: Kind
    at: int
    length_ms: float
    tone: int
    into: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Where tones begin, in samples, and what is wrong in them."""

    onsets: list[int]
    faults: list[Fault]

    def of(self, kind: Kind) -> list[Fault]:
        """Return the faults of one kind."""
        return [fault for fault in self.faults if fault.kind == kind]


@dataclass(frozen=True, slots=True)
class _Run:
    """A stretch of sound, from sample ``start`` up to ``end``."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


def listen(voice: FloatArray) -> Heard:
    """Find all tones and faults.

    ``voice``: float32 (samples,) at 48 kHz, −1…1, laid out by RTP timestamps, zero where a packet is missing.
    """
    power = _smooth(voice.astype(np.float64) ** 2, PERIOD)
    audible = power[power > AUDIBLE**2 / 2]
    if not len(audible):
        return Heard([], [])
    level = float(np.median(audible))
    tones = _tones(_sounding(power, level), len(voice))
    holes = [
        Fault("hole", before.end, 1000 * (after.start - before.end) / SAMPLE_RATE, number, heard)
        for number, parts in enumerate(tones)
        for before, after, heard in _gaps(parts)
    ]
    jumps = [jump for number, parts in enumerate(tones) for jump in _jumps(voice, number, parts, np.sqrt(level))]
    faults = sorted(holes + jumps, key=lambda fault: fault.at)
    return Heard([parts[0].start for parts in tones], faults)


def _sounding(power: NDArray[np.float64], level: float) -> list[_Run]:
    """Return the stretches that are loud, each up to where its power is halved."""
    edges = np.flatnonzero(np.diff(np.r_[False, power >= level * 10 ** (HOLE_DB / 10), False]))
    full = power >= level * 10 ** (EDGE_DB / 10)
    runs = []
    for start, end in edges.reshape(-1, 2):
        inside = np.flatnonzero(full[start:end])
        if len(inside) and end - start >= SHORTEST:
            runs.append(_Run(int(start + inside[0]), int(start + inside[-1] + 1)))
    return runs


def _tones(runs: list[_Run], end: int) -> list[list[_Run]]:
    """Group stretches into tones: what follows a silence belongs to the tone before it as long as that lacks it."""
    tones: list[list[_Run]] = []
    for run in runs:
        if not tones or _begins_anew(tones[-1], run):
            tones.append([])
        tones[-1].append(run)
    # the voice stopped for good in the middle of a tone
    if tones and end - tones[-1][-1].end > SLACK and sum(part.length for part in tones[-1]) < TONE_SAMPLES - SLACK:
        tones[-1].append(_Run(end, end))
    return tones


def _begins_anew(parts: list[_Run], run: _Run) -> bool:
    """Whether a stretch is a tone of its own: longer than what the one before lacks, or after a pause at its end."""
    lacking = TONE_SAMPLES - sum(part.length for part in parts)
    return run.length > lacking + SLACK or (lacking < SLACK and run.start - parts[-1].end > SHORTEST_PAUSE)


def _gaps(parts: list[_Run]) -> list[tuple[_Run, _Run, int]]:
    """Return each silence's neighbours, and how much of the tone was heard before it."""
    heard = np.cumsum([part.length for part in parts]).tolist()
    return list(zip(parts, parts[1:], heard, strict=False))


def _jumps(voice: FloatArray, number: int, parts: list[_Run], level: float) -> list[Fault]:
    """Return where a part of a tone is not what a fit over its neighbourhood says; ``level`` is its RMS."""
    found = []
    heard = 0
    for part in parts:
        inner = _Run(part.start + NEAR, part.end - NEAR)
        if inner.length > 2 * FIT:
            off = _misfit(voice[inner.start : inner.end]) > JUMP_RMS * level
            for run in _joined(np.flatnonzero(off)):
                at = inner.start + run.start
                length_ms = 1000 * run.length / SAMPLE_RATE
                found.append(Fault("jump", at, length_ms, number, heard + at - part.start))
        heard += part.length
    return found


def _misfit(tone: FloatArray) -> NDArray[np.float64]:
    """Return the RMS over 2 ms of what remains of a tone without its fit: a tone of the phase and level around it.

    The fit is symmetrical, so a level that rises or falls evenly fits exactly; a phase that steps does not.
    """
    turn = np.exp(-2j * np.pi * TONE_HZ * np.arange(len(tone)) / SAMPLE_RATE)
    fitted = 2 * (_smooth(tone * turn, FIT) * turn.conj()).real
    remains = (tone - fitted) ** 2
    remains[: FIT // 2] = remains[-(FIT // 2) :] = 0  # the fit reaches over the end there
    return np.asarray(np.sqrt(_smooth(remains, JUMP_SPAN)), np.float64)


def _joined(at: NDArray[np.intp]) -> list[_Run]:
    """Join places that are close to each other."""
    if not len(at):
        return []
    breaks = np.flatnonzero(np.diff(at) > ONE_FAULT)
    starts, ends = at[np.r_[0, breaks + 1]], at[np.r_[breaks, len(at) - 1]]
    return [_Run(int(start), int(end) + 1) for start, end in zip(starts, ends, strict=True)]


def _smooth(values: NDArray[Any], width: int) -> NDArray[Any]:
    """Return the mean over ``width`` samples around each; outside there is nothing."""
    summed = np.cumsum(np.pad(values, (width // 2 + 1, width - width // 2 - 1)))
    return np.asarray((summed[width:] - summed[:-width]) / width)
