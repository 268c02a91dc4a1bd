"""What is in a recording: its boxes, and what one sees and hears when it is played."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from app.media import SAMPLE_RATE, SAMPLES_PER_FRAME

WHITE = 128  # brightness from which a picture counts as white
LOUD = 0.1
APART = SAMPLE_RATE // 10  # samples of silence between two sounds
TONE_HZ = 1000


@dataclass(frozen=True)
class Played:
    """A file as a player shows it. ``sound``: float −1…1, from media time 0."""

    times: list[Fraction]  # of the pictures, s
    brightness: list[float]
    keys: list[Fraction]  # times of key frames
    sound: np.ndarray

    @property
    def seconds(self) -> float:
        """How long both streams last."""
        return min(float(self.times[-1]) + 0.04, len(self.sound) / SAMPLE_RATE)

    def flashes(self) -> np.ndarray:
        """When it gets white, s."""
        white = np.array(self.brightness) > WHITE
        begins = np.flatnonzero(white & ~np.r_[False, white[:-1]])
        return np.array([float(self.times[number]) for number in begins])

    def beeps(self) -> np.ndarray:
        """When it gets loud, s."""
        loud = np.flatnonzero(np.abs(self.sound) > LOUD)
        return loud[np.r_[True, np.diff(loud) > APART]] / SAMPLE_RATE if len(loud) else np.zeros(0)


def play(path: Path) -> Played:
    """Decode a file to its end."""
    times, brightness, keys = [], [], []
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            assert picture.pts is not None and picture.time_base is not None
            times.append(picture.pts * picture.time_base)
            brightness.append(float(picture.to_ndarray(format="gray").mean()))
            if picture.key_frame:
                keys.append(times[-1])
        container.seek(0)
        parts: list[np.ndarray] = []
        heard = 0
        for frame in container.decode(audio=0):
            assert frame.pts is not None
            assert frame.pts == heard, "the voice has no hole, and begins at media time 0"
            samples = frame.to_ndarray()[0]
            parts.append(samples / 32768 if samples.dtype == np.int16 else samples)
            heard += len(samples)
    return Played(times, brightness, keys, np.concatenate(parts))


def boxes(path: Path) -> list[str]:
    """Return the types of a file's boxes."""
    data, at, found = path.read_bytes(), 0, []
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        found.append(data[at + 4 : at + 8].decode("latin1"))
        at += int.from_bytes(data[at + 8 : at + 16]) if length == 1 else length
    return found


def slot_of_sound(loud: bool) -> np.ndarray:
    """Return one slot of a tone, or of silence. int16 (1920,)."""
    tone = np.sin(2 * np.pi * TONE_HZ * np.arange(SAMPLES_PER_FRAME) / SAMPLE_RATE) * 20_000
    return (tone * loud).astype(np.int16)


def claps(slots: int) -> bytes:
    """Return a voice, 48 kHz, 16-bit: of every second, three slots are a tone."""
    return b"".join(slot_of_sound(number % 25 in (10, 11, 12)).tobytes() for number in range(slots))
