"""What an engine is measured with: a window of the sample's own speech, so that it opens a mouth as speech does."""

from __future__ import annotations

from functools import cache

import numpy as np
import soundfile
import soxr

from app.assets import SAMPLE
from app.inference.features.mel import N_MELS, SILENT_COLUMN, melspectrogram
from app.inference.features.window import MelSpan, Window
from app.media import MODEL_RATE, MODEL_SAMPLES_PER_FRAME, SILENCE, AudioSlice, FloatArray, StageTimestamps

HEARD_S = 4.0  # of it
LATER = 1000  # slots into an avatar's time: nothing that a face does is only beginning


def loud_window(span: MelSpan | None) -> Window:
    """Make a window that asks for an open mouth: it ends where the sample is loudest."""
    columns = span.columns if span else 0
    spoken = _sample()
    end = int(np.argmax(np.convolve(spoken.mean(axis=0), np.ones(5), "valid"))) + 5
    before = np.full((N_MELS, max(0, columns - end)), SILENT_COLUMN, np.float32)
    mel = np.concatenate([before, spoken[:, max(0, end - columns) : end]], axis=1)
    sound = AudioSlice(0, 0, SILENCE, np.full(MODEL_SAMPLES_PER_FRAME, 0.3, np.float32), False, StageTimestamps(0))
    return Window(sound, np.ascontiguousarray(mel[:, mel.shape[1] - columns :]))


@cache
def _sample() -> FloatArray:
    rate = soundfile.info(SAMPLE).samplerate
    wave, _ = soundfile.read(SAMPLE, frames=int(HEARD_S * rate), dtype="float32", always_2d=True)
    return melspectrogram(np.asarray(soxr.resample(wave.mean(axis=1), rate, MODEL_RATE), np.float32))
