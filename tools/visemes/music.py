"""Music without a voice: tunes of our own invention, played by FluidSynth, so that none is taken for a voice."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from app.media import MODEL_RATE
from tools.visemes.speech import Numbers

SOUND_FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
TICKS = 480  # a beat
DRUMS = 9  # MIDI's channel for them
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 6, 7, 10))

Random = np.random.Generator
Note = tuple[int, int, int, int, int]  # start and length in ticks, channel, key, velocity


def play(seconds: float, random: Random) -> Numbers:
    """Invent a piece and play it: float32 (n,) at 16 kHz, its loudest sample 1.

    Raises:
        OSError: when FluidSynth is not installed; ``voices.PACKAGES`` names what is needed.
    """
    beats_a_minute = int(random.integers(60, 175))
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder) / "score.mid", Path(folder) / "played.wav"
        score.write_bytes(_compose(seconds, beats_a_minute, random))
        command = ["fluidsynth", "-ni", "-q", "-r", str(MODEL_RATE), "-F", str(sound), str(SOUND_FONT), str(score)]
        subprocess.run(command, capture_output=True, check=True, timeout=120)
        stereo, _ = soundfile.read(sound, dtype="float32", always_2d=True)
    wave = stereo.mean(axis=1)[: int(seconds * MODEL_RATE)]
    return np.asarray(wave / (np.abs(wave).max() + 1e-9), np.float32)


def _compose(seconds: float, beats_a_minute: int, random: Random) -> bytes:
    bars = int(seconds * beats_a_minute / 60 / 4) + 1
    scale, root = SCALES[random.integers(len(SCALES))], int(random.integers(40, 52))
    degrees = random.integers(0, len(scale), 4)  # four chords, over and over
    programs = random.permutation(96)[:3].tolist()  # of instruments; the last are effects
    parts = random.random(4) < (0.75, 0.6, 0.7, 0.6)
    if not parts.any():
        parts[0] = True
    notes: list[Note] = []
    for bar in range(bars):
        start, degree = bar * 4 * TICKS, int(degrees[bar % 4])
        chord = [root + 12 + _pitch(scale, degree + step) for step in (0, 2, 4)]
        if parts[0]:
            notes += _chords(start, chord, random)
        if parts[1]:
            notes += [(start + beat * TICKS, TICKS, 1, chord[0] - 12, 90) for beat in range(0, 4, 1 + bar % 2)]
        if parts[2]:
            notes += _melody(start, scale, root + 24, random)
        if parts[3]:
            notes += _beat(start, random)
    return _midi(notes, beats_a_minute, programs)


def _pitch(scale: tuple[int, ...], degree: int) -> int:
    return scale[degree % len(scale)] + 12 * (degree // len(scale))


def _chords(start: int, chord: list[int], random: Random) -> list[Note]:
    if random.random() < 0.5:  # held
        return [(start, 4 * TICKS, 0, key, 70) for key in chord]
    return [(start + step * TICKS // 2, TICKS // 2, 0, chord[step % 3], 75) for step in range(8)]  # broken


def _melody(start: int, scale: tuple[int, ...], root: int, random: Random) -> list[Note]:
    notes: list[Note] = []
    at, degree = 0, int(random.integers(0, 7))
    while at < 4 * TICKS:
        length = int(random.choice([TICKS // 4, TICKS // 2, TICKS, 2 * TICKS], p=[0.2, 0.4, 0.3, 0.1]))
        degree = int(np.clip(degree + random.integers(-2, 3), 0, 11))
        if random.random() < 0.85:
            notes.append(
                (start + at, int(length * 0.9), 2, root + _pitch(scale, degree), int(random.integers(70, 120)))
            )
        at += length
    return notes


def _beat(start: int, random: Random) -> list[Note]:
    kick, snare, hat = 36, 38, 42
    notes = [(start + beat * TICKS, 60, DRUMS, kick if beat % 2 == 0 else snare, 110) for beat in range(4)]
    return notes + [(start + n * TICKS // 2, 30, DRUMS, hat, 70) for n in range(8) if random.random() < 0.8]


def _midi(notes: list[Note], beats_a_minute: int, programs: list[int]) -> bytes:
    """Write a Standard MIDI File of one track."""
    events = [(0, bytes([0xC0 | channel, program])) for channel, program in enumerate(programs)]
    for start, length, channel, key, velocity in notes:
        events.append((start, bytes([0x90 | channel, key, velocity])))
        events.append((start + length, bytes([0x80 | channel, key, 0])))
    track = b"\x00\xff\x51\x03" + (60_000_000 // beats_a_minute).to_bytes(3, "big")
    now = 0
    for at, event in sorted(events, key=lambda event: event[0]):
        track += _length(at - now) + event
        now = at
    track += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(track)) + track


def _length(ticks: int) -> bytes:
    """Write a number as MIDI does: seven bits a byte, the last without the high bit."""
    out = bytes([ticks & 0x7F])
    while ticks := ticks >> 7:
        out = bytes([0x80 | (ticks & 0x7F)]) + out
    return out
