"""``python -m tools.visemes.recorded --out FOLDER``: more sentences of recorded voices, hardly roughened.

``refine.py`` is taught with them: what most will speak is nearer to these than to a formant synthesiser in a street.
Music must be there (``corpus.py``).
"""

from __future__ import annotations

import argparse
import hashlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from app.media import MODEL_RATE
from tools.visemes.corpus import LONGEST_S, MUSIC, VARIANTS, Shard
from tools.visemes.sounds import Random, coded, noise_of, padded, speech_level, throat, through_air
from tools.visemes.speech import Numbers, Utterance
from tools.visemes.texts import sentences
from tools.visemes.voices import VOICES, Voice

SENTENCES = {"en": 300, "cs": 168, "it": 168}


def lightly_roughened(spoken: Utterance, random: Random, music: Numbers) -> Utterance:
    """Return the utterance as a good microphone in a still room might have heard it."""
    spoken = padded(throat(spoken, random), random)
    wave = spoken.wave
    if random.random() < 0.3:
        wave = through_air(wave, random)
    if random.random() < 0.6:
        noise = noise_of(len(wave), random, music, "coloured")
        level = speech_level(wave) * 10 ** (-random.uniform(28, 60) / 20)
        wave = wave + noise * level / (np.sqrt(np.mean(np.square(noise))) + 1e-9)
    wave = wave / (np.abs(wave).max() + 1e-9) * 10 ** (random.uniform(-20, -1) / 20)
    if random.random() < 0.2:
        wave = coded(wave, random)
    return replace(spoken, wave=np.asarray(wave, np.float32))


def make_voice(voice: Voice, out: Path, seed: int) -> str:
    """Speak one voice's sentences and write its file; returns a line to show."""
    path = out / f"light-{voice.kind}-{voice.name}.npz"
    if path.exists():
        return f"{path.name}: there"
    random = np.random.default_rng([seed, int(hashlib.sha256(voice.name.encode()).hexdigest()[:8], 16)])
    texts = sentences(voice.language, 960, seed)
    random.shuffle(texts)
    spoken: list[Utterance] = []
    for start in range(0, min(SENTENCES[voice.language], len(texts)), 12):  # each dozen at a pace of its own
        spoken += voice.speak(texts[start : start + 12], random)
    music: Numbers = np.load(out / MUSIC, mmap_mode="r")
    shard = Shard()
    for one in spoken:
        if 0.4 * MODEL_RATE < len(one.wave) < LONGEST_S * MODEL_RATE and one.segments:
            for _ in range(VARIANTS):
                shard.add(lightly_roughened(one, random, music))
    shard.save(path)
    return f"{path.name}: {shard.minutes:.1f} min"


def main() -> None:
    """Make whatever is missing in the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=2, help="another than the corpus's, for other sentences")
    parser.add_argument("--processes", type=int, default=2)
    wanted = parser.parse_args()
    voices = [v for v in VOICES if v.kind != "espeak" and v.language in SENTENCES and not v.held_out]
    with ProcessPoolExecutor(wanted.processes) as pool:
        for line in pool.map(partial(make_voice, out=wanted.out, seed=wanted.seed), voices):
            print(line, flush=True)


if __name__ == "__main__":
    main()
