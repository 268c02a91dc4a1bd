from __future__ import annotations

import numpy as np
import pytest

from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.wav2lip.engine import Wav2LipEngine
from app.inference.features.mel import SILENT_COLUMN, melspectrogram
from app.inference.features.window import MelSpan
from app.inference.features.windower import Windower
from app.media import MODEL_SAMPLES_PER_FRAME, SAMPLES_PER_FRAME, AudioSlice, StageTimestamps

assert PortraitEngine.span is not None and Wav2LipEngine.span is not None
PORTRAIT_SPAN, WAV2LIP_SPAN = PortraitEngine.span, Wav2LipEngine.span
SPANS = [WAV2LIP_SPAN, PORTRAIT_SPAN, MelSpan(0, 1)]


def speech(frames: int) -> np.ndarray:
    return (0.2 * np.random.default_rng(3).standard_normal(frames * MODEL_SAMPLES_PER_FRAME)).astype(np.float32)


def cut(pcm: np.ndarray) -> list[AudioSlice]:
    silence = np.zeros(SAMPLES_PER_FRAME, np.int16)
    parts = pcm.reshape(-1, MODEL_SAMPLES_PER_FRAME)
    return [AudioSlice(0, pts, silence, part, False, StageTimestamps(0)) for pts, part in enumerate(parts)]


@pytest.mark.parametrize("span", SPANS)
def test_every_slice_gets_one_window_of_its_own_columns(span: MelSpan) -> None:
    pcm = speech(60)
    windower = Windower(span)
    windows = [window for sound in cut(pcm) for window in windower.push(sound)]
    windows += windower.flush()
    assert [window.sound.pts for window in windows] == list(range(60))
    mel = melspectrogram(pcm)
    padded = np.pad(mel, ((0, 0), (200, 200)), constant_values=SILENT_COLUMN)
    for frame, window in enumerate(windows):
        start = 200 + span.start(frame)
        np.testing.assert_allclose(window.mel, padded[:, start : start + span.columns], atol=1e-4)


@pytest.mark.parametrize(("span", "slices"), [(WAV2LIP_SPAN, 4), (PORTRAIT_SPAN, 1)])
def test_look_ahead_is_the_least_that_the_span_allows(span: MelSpan, slices: int) -> None:
    windower = Windower(span)
    most = 0
    for sound in cut(speech(100)):
        windower.push(sound)
        most = max(most, windower.pending)
    assert most == slices


@pytest.mark.parametrize("chunk", [37, 160, 320, 1000])
def test_windows_are_the_same_when_the_ear_is_ahead_of_the_slices(chunk: int) -> None:
    pcm = speech(30)
    plain, ahead = Windower(WAV2LIP_SPAN), Windower(WAV2LIP_SPAN)
    expected = [window for sound in cut(pcm) for window in plain.push(sound)] + plain.flush()
    slices = cut(pcm)
    found, earlier, given = [], 0, 0
    for end in range(chunk, len(pcm) + chunk, chunk):
        while given < len(slices) and (given + 1) * MODEL_SAMPLES_PER_FRAME <= end:
            found += ahead.push(slices[given])
            given += 1
        early = ahead.hear(pcm[given * MODEL_SAMPLES_PER_FRAME : end])
        earlier += len(early)
        found += early
    found += ahead.flush()
    assert [window.sound.pts for window in found] == list(range(30))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(one.mel, other.mel, atol=1e-4)
    assert earlier > 10 or chunk >= MODEL_SAMPLES_PER_FRAME, "most need not wait for the whole of the last slice"


def test_without_a_span_a_window_is_its_slice() -> None:
    windower = Windower(None)
    (sound,) = cut(speech(1))
    (window,) = windower.push(sound)
    assert window.sound is sound and window.mel.shape == (80, 0)
    assert windower.flush() == []


def test_after_a_flush_the_next_utterance_starts_from_silence() -> None:
    windower = Windower(WAV2LIP_SPAN)

    def utterance() -> list[np.ndarray]:
        windows = [window for sound in cut(speech(10)) for window in windower.push(sound)]
        return [window.mel for window in windows + windower.flush()]

    first, second = utterance(), utterance()
    assert len(first) == len(second) == 10
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_memory_stays_bounded() -> None:
    windower = Windower(PORTRAIT_SPAN)
    for sound in cut(speech(500)):
        windower.push(sound)
        assert windower._columns.shape[1] <= PORTRAIT_SPAN.columns + 8
