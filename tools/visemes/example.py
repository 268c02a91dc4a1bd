"""``python -m tools.visemes.example``: speak the tests' example in a voice that taught nothing, with its phonemes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from app.media import MODEL_RATE
from tools.visemes.voices import VOICES

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fixtures"
TEXT = (
    "My brother bought a pound of butter at the market. ",
    "People hope for a peaceful summer in the mountains. ",
    "Five of her friends have found a very fine view. ",
    "Who moved the blue spoon to the pool? We see the green leaves. ",
    "Father's car was parked far apart.",
)


def main() -> None:
    """Write ``spoken.flac`` (16 kHz) and ``spoken.json``: [sound, start and end in seconds, level in dB] in order."""
    voice = next(voice for voice in VOICES if voice.name == "ked_diphone")
    (spoken,) = voice.speak(["".join(TEXT)], np.random.default_rng(8))
    soundfile.write(FOLDER / "spoken.flac", 0.9 * spoken.wave / np.abs(spoken.wave).max(), MODEL_RATE, "PCM_16")
    segments = [[s.sound, round(s.start_s, 4), round(s.end_s, 4), round(s.level_db, 1)] for s in spoken.segments]
    (FOLDER / "spoken.json").write_text(
        json.dumps({"voice": f"{voice.kind} {voice.name}", "segments": segments}) + "\n"
    )


if __name__ == "__main__":
    main()
