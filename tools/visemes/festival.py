"""Festival and Flite: recorded diphones, units and statistical voices, with the end of every segment."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import soundfile

from tools.visemes.phone_sets import sounds_of
from tools.visemes.speech import Utterance, utterance

TIMEOUT_S = 900
_SAY = """
(define (say text out)
  (let ((u (utt.synth (eval (list 'Utterance 'Text text)))))
    (utt.save.wave u (string-append out ".wav") 'riff)
    (let ((file (fopen (string-append out ".txt") "w")) (s (utt.relation.first u 'Segment)))
      (while s
        (format file "%s %s\\n" (item.name s) (item.feat s "end"))
        (set! s (item.next s)))
      (fclose file))))
"""


def speak_festival(texts: list[str], voice: str, phone_set: str, encoding: str, stretch: float) -> list[Utterance]:
    """Speak every text in one of Festival's voices; what it cannot say is left out.

    Raises:
        FileNotFoundError: when Festival is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        lines = [_SAY, f"(voice_{voice})", f"(Parameter.set 'Duration_Stretch {stretch})"]
        for at, text in enumerate(texts):
            quoted = text.replace("\\", " ").replace('"', " ")
            lines.append(f'(unwind-protect (say "{quoted}" "{folder}/{at}") nil)')
        script = Path(folder) / "say.scm"
        script.write_bytes("\n".join(lines).encode(encoding, "ignore"))
        subprocess.run(["festival", "-b", str(script)], capture_output=True, timeout=TIMEOUT_S, check=False)
        return [_read(Path(folder) / str(at), phone_set) for at in range(len(texts)) if _said(Path(folder) / str(at))]


def speak_flite(texts: list[str], voice: str, stretch: float) -> list[Utterance]:
    """Speak every text in one of Flite's voices.

    Raises:
        FileNotFoundError: when Flite is not installed.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "said.wav"
        for text in texts:
            command = [
                "flite",
                "-voice",
                voice,
                "-psdur",
                "--setf",
                f"duration_stretch={stretch}",
                "-t",
                text,
                str(wave),
            ]
            said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            ends = [tuple(pair.rsplit(":", 1)) for pair in said.stdout.split() if ":" in pair]
            if said.returncode == 0 and len(ends) > 3:
                found.append(_timed(wave, [(name, float(end)) for name, end in ends], "radio"))
    return found


def _said(stem: Path) -> bool:
    return stem.with_suffix(".wav").is_file() and stem.with_suffix(".txt").is_file()


def _read(stem: Path, phone_set: str) -> Utterance:
    rows = [line.split() for line in stem.with_suffix(".txt").read_text("utf-8", "replace").splitlines()]
    return _timed(stem.with_suffix(".wav"), [(row[0], float(row[1])) for row in rows if len(row) == 2], phone_set)


def _timed(wave: Path, ends: list[tuple[str, float]], phone_set: str) -> Utterance:
    samples, rate = soundfile.read(wave, dtype="float32")
    starts = [0.0, *(end for _, end in ends)]
    phones = [
        (sounds_of(name, phone_set), start, end)
        for (name, end), start in zip(ends, starts, strict=False)
        if end > start
    ]
    return utterance(samples, rate, phones)
