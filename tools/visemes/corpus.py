"""``python -m tools.visemes.corpus --out FOLDER``: speak, roughen, and write mel beside mouth, one file a voice."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from app.inference.features.mel import COLUMNS_PER_SECOND, melspectrogram
from app.media import MODEL_RATE
from tools.visemes.music import play
from tools.visemes.phones import SILENCE
from tools.visemes.sounds import Background, noise_of, roughened, through_air
from tools.visemes.speech import Numbers, Segment, Utterance
from tools.visemes.targets import SOUNDS
from tools.visemes.texts import sentences
from tools.visemes.voices import VOICES, Voice

SENTENCES = {"espeak": 80, "flite": 240, "festival": 240}
HELD_OUT_SENTENCES = 24
VARIANTS = 2  # of each utterance, roughened differently; held-out voices are also kept clean
QUIET_MINUTES = 40  # without speech
MUSIC_MINUTES = 80  # of pieces of half a minute; they are also put behind voices
PIECE_S = 30
LONGEST_S = 14.0
MUSIC = "music.npy"


class Shard:
    """One voice's share, written as: ``mel`` float16 (columns, 80) with ``lengths`` of the utterances, and their

    sounds in order: ``sound`` (an index into ``phones.PHONES``), ``times`` (start and end, s), ``level`` (dB) with
    ``counts`` of the utterances.
    """

    def __init__(self) -> None:
        self._mel: list[Numbers] = []
        self._segments: list[list[Segment]] = []

    @property
    def minutes(self) -> float:
        """How much there is."""
        return sum(map(len, self._mel)) / COLUMNS_PER_SECOND / 60

    def add(self, spoken: Utterance) -> None:
        """Take an utterance."""
        self._mel.append(melspectrogram(spoken.wave).T.astype(np.float16))
        self._segments.append(spoken.segments)

    def save(self, path: Path) -> None:
        """Write it."""
        every = [segment for segments in self._segments for segment in segments]
        np.savez(
            path,
            mel=np.concatenate(self._mel),
            lengths=np.array([len(part) for part in self._mel]),
            sound=np.array([SOUNDS.index(segment.sound) for segment in every], np.int16),
            times=np.array([(segment.start_s, segment.end_s) for segment in every], np.float32),
            level=np.array([segment.level_db for segment in every], np.float32),
            counts=np.array([len(segments) for segments in self._segments]),
        )


def read_shard(path: Path) -> Iterator[tuple[Numbers, list[Segment]]]:
    """Yield a voice's utterances: mel float16 (columns, 80), and their sounds."""
    with np.load(path) as stored:
        shard = {name: stored[name] for name in stored.files}
    column = first = 0
    for length, count in zip(shard["lengths"], shard["counts"], strict=True):
        part = slice(first, first + int(count))
        rows = zip(shard["sound"][part], shard["times"][part], shard["level"][part], strict=True)
        segments = [
            Segment(SOUNDS[sound], float(start), float(end), float(level)) for sound, (start, end), level in rows
        ]
        yield shard["mel"][column : column + int(length)], segments
        column, first = column + int(length), first + int(count)


def make_voice(voice: Voice, out: Path, seed: int) -> str:
    """Speak one voice's sentences and write its file; returns a line to show. Music must be there."""
    path = out / f"{'held' if voice.held_out else 'teach'}-{voice.kind}-{voice.name}.npz"
    if path.exists():
        return f"{path.name}: there"
    random = np.random.default_rng(
        [seed, int(hashlib.sha256(f"{voice.kind} {voice.name}".encode()).hexdigest()[:8], 16)]
    )
    count = HELD_OUT_SENTENCES if voice.held_out else SENTENCES[voice.kind]
    texts = sentences(voice.language, 4 * count, seed)
    random.shuffle(texts)
    spoken: list[Utterance] = []
    for start in range(0, min(count, len(texts)), 12):  # each dozen at a pace of its own
        spoken += voice.speak(texts[start : start + 12], random)
    spoken = [one for one in spoken if 0.4 * MODEL_RATE < len(one.wave) < LONGEST_S * MODEL_RATE and one.segments]
    background = Background(np.concatenate([one.wave for one in spoken]), np.load(out / MUSIC, mmap_mode="r"))
    shard = Shard()
    for one in spoken:
        if voice.held_out:
            shard.add(one)
        for _ in range(1 if voice.held_out else VARIANTS):
            shard.add(roughened(one, random, background))
    shard.save(path)
    return f"{path.name}: {len(spoken)} sentences, {shard.minutes:.1f} min"


def make_music(out: Path, seed: int) -> str:
    """Play what is put behind voices, and learnt to be none."""
    path = out / MUSIC
    if not path.exists():
        random = np.random.default_rng([seed, 5])
        np.save(path, np.concatenate([play(PIECE_S, random) for _ in range(MUSIC_MINUTES * 60 // PIECE_S)]))
    return f"{path.name}: {MUSIC_MINUTES} min"


def make_quiet(out: Path, seed: int) -> str:
    """Write what is no speech at all, at every loudness. Music must be there."""
    path = out / "teach-quiet.npz"
    if path.exists():
        return f"{path.name}: there"
    random = np.random.default_rng([seed, 7])
    music: Numbers = np.load(out / MUSIC, mmap_mode="r")
    count = PIECE_S * MODEL_RATE
    pieces = [noise_of(count, random, music) for _ in range(QUIET_MINUTES * 60 // PIECE_S)]
    pieces += [np.asarray(music[start : start + count]) for start in range(0, len(music) - count + 1, count)]
    shard = Shard()
    for piece in pieces:
        wave = through_air(piece, random)
        wave = wave / (np.abs(wave).max() + 1e-9) * 10 ** (random.uniform(-66, -1) / 20)
        shard.add(Utterance(wave.astype(np.float32), [Segment(SILENCE, 0.0, float(PIECE_S))]))
    shard.save(path)
    return f"{path.name}: {shard.minutes:.0f} min"


def main() -> None:
    """Make whatever is missing in the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    wanted = parser.parse_args()
    wanted.out.mkdir(parents=True, exist_ok=True)
    print(make_music(wanted.out, wanted.seed), flush=True)
    with ProcessPoolExecutor(wanted.processes) as pool:
        quiet = pool.submit(make_quiet, wanted.out, wanted.seed)
        for line in pool.map(partial(make_voice, out=wanted.out, seed=wanted.seed), VOICES):
            print(line, flush=True)
        print(quiet.result(), flush=True)


if __name__ == "__main__":
    main()
