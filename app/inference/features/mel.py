"""The public Wav2Lip's mel spectrogram, offline and streaming.

80 columns a second of 80 mel bands, −4…4 (8 units span 100 dB). The recipe is that of the public Wav2Lip
(R. Prajwal et al., 2020): pre-emphasis, centred STFT reflected at both ends, Slaney mel filters (M. Slaney,
Auditory Toolbox, 1998), decibels, a symmetric range.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.media import MODEL_RATE, VIDEO_FPS, FloatArray
from app.overlapping import overlapping

N_FFT = 800
HOP = 200
N_MELS = 80
COLUMNS_PER_SECOND = MODEL_RATE // HOP  # 80
PRE_EMPHASIS = 0.97
F_MIN_HZ, F_MAX_HZ = 55.0, 7600.0
REFERENCE_DB = 20.0
MIN_DB = -100.0
MAX_ABS = 4.0
SILENT_COLUMN = -MAX_ABS  # every band of a silent column
QUIETEST = 10 ** ((MIN_DB + REFERENCE_DB) / 20)  # a band's magnitude that MIN_DB stands for
PER_DECADE = 20 * 2 * MAX_ABS / -MIN_DB

_EDGE = N_FFT // 2  # samples that centring reflects at each end

# 80 columns over 25 frames: frame f begins at column 3.2 f, in integers 16 f // 5
COLUMNS_PER_5_FRAMES = COLUMNS_PER_SECOND * 5 // VIDEO_FPS  # 16


def column_at(frame: int) -> int:
    """Return the mel column at which a video frame begins, rounded down; negative before the first."""
    return frame * COLUMNS_PER_5_FRAMES // 5


def samples_of(columns: int) -> int:
    """Return how many samples make a signal's first columns final."""
    return max(1, (columns - 1) * HOP) + _EDGE


def melspectrogram(pcm: NDArray[np.float32] | NDArray[np.int16], rate: int = MODEL_RATE) -> FloatArray:
    """Compute the whole spectrogram: (samples,) at 16 kHz, int16 or float −1…1 → float32 (80, 1 + samples // 200).

    Raises:
        ValueError: for another rate, more than one channel, or fewer than two samples.
    """
    if rate != MODEL_RATE:
        raise ValueError(f"the mel spectrogram is defined at {MODEL_RATE} Hz, not {rate}: resample first")
    stream = MelStream()
    head = stream.push(pcm)
    return np.concatenate([head, stream.finish()], axis=1)


class MelStream:
    """The same columns, each as soon as it is final.

    A column is final when the last of its 800 samples is there, 400 after its centre. State: at most 1000
    samples, whatever the chunking.
    """

    _before: np.float32  # pre-emphasis looks one sample back
    _samples: FloatArray  # emphasised; its beginning mirrored before it once it is long enough
    _reflected: bool
    _skip: int  # samples before the next column, kept for mirroring the end

    def __init__(self) -> None:
        self._reset()

    def push(self, pcm: NDArray[np.float32] | NDArray[np.int16]) -> FloatArray:
        """Take samples of any number, return the columns that became final: float32 (80, n), n ≥ 0."""
        self._append(pcm)
        if not self._reflected and len(self._samples) > _EDGE:
            self._samples = np.concatenate([self._samples[_EDGE:0:-1], self._samples])
            self._reflected = True
        return self._take_columns() if self._reflected else np.zeros((N_MELS, 0), np.float32)

    def finish(self) -> FloatArray:
        """End the signal: return the columns that its reflected end completes, and start anew.

        Raises:
            ValueError: when fewer than two samples were pushed, as one sample cannot be reflected.
        """
        if self._reflected:
            self._samples = np.concatenate([self._samples, self._samples[-2 : -2 - _EDGE : -1]])
        elif len(self._samples) >= 2:
            self._samples = np.pad(self._samples, _EDGE, mode="reflect")
        else:
            raise ValueError("a mel spectrogram needs at least 2 samples")
        columns = self._take_columns()
        self._reset()
        return columns

    def _reset(self) -> None:
        self._before = np.float32(0)
        self._samples = np.zeros(0, np.float32)
        self._reflected = False
        self._skip = 0

    def _append(self, pcm: NDArray[np.float32] | NDArray[np.int16]) -> None:
        if pcm.ndim != 1:
            raise ValueError(f"mono samples of shape (n,) are wanted, not {pcm.shape}")
        if not len(pcm):
            return
        wave = pcm.astype(np.float32) / np.float32(32768) if pcm.dtype == np.int16 else pcm.astype(np.float32)
        emphasised = wave.copy()
        emphasised[1:] -= np.float32(PRE_EMPHASIS) * wave[:-1]
        emphasised[0] -= np.float32(PRE_EMPHASIS) * self._before
        self._before = wave[-1]
        self._samples = np.concatenate([self._samples, emphasised])

    def _take_columns(self) -> FloatArray:
        count = max(0, (len(self._samples) - self._skip - N_FFT) // HOP + 1)
        if count == 0:
            return np.zeros((N_MELS, 0), np.float32)
        frames = overlapping(self._samples, count, N_FFT, HOP, self._skip)
        self._samples = self._samples[self._skip + (count - 1) * HOP :]
        self._skip = HOP
        return _columns(frames)


def _columns(frames: FloatArray) -> FloatArray:
    spectrum = np.abs(np.fft.rfft(frames * _window(), axis=1)).astype(np.float32)
    mel = _filters() @ spectrum.T
    scaled = PER_DECADE * np.log10(np.maximum(mel, QUIETEST) / QUIETEST) - MAX_ABS
    return np.asarray(np.minimum(scaled, MAX_ABS), np.float32)


@cache
def _window() -> FloatArray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


@cache
def mel_band_centres_hz() -> NDArray[np.float64]:
    """Return where each band is centred: float64 (80,), Hz."""
    return _mel_to_hz(np.linspace(_hz_to_mel(F_MIN_HZ), _hz_to_mel(F_MAX_HZ), N_MELS + 2))[1:-1]


@cache
def _filters() -> FloatArray:
    """Slaney's triangular filters, each of unit area: float32 (80, 401)."""
    edges = _mel_to_hz(np.linspace(_hz_to_mel(F_MIN_HZ), _hz_to_mel(F_MAX_HZ), N_MELS + 2))
    bins = np.linspace(0, MODEL_RATE / 2, N_FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * area[:, None], np.float32)


_LINEAR_HZ_PER_MEL = 200 / 3  # below 1 kHz the scale is linear, above it logarithmic
_BREAK_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_BREAK_HZ / _LINEAR_HZ_PER_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    corner = _BREAK_HZ / _LINEAR_HZ_PER_MEL
    return np.where(mel < corner, mel * _LINEAR_HZ_PER_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (mel - corner)))
