"""eSpeak NG's library, with its phoneme events: most languages of the world, and many voices."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from tools.visemes.phones import SILENCE, parse_ipa
from tools.visemes.speech import Utterance, utterance

LIBRARY = "libespeak-ng.so.1"
_SYNCHRONOUS = 2  # the whole sound by callbacks, before the call returns
_PHONEME_EVENTS, _AS_IPA = 1, 2
_EVENT_END, _EVENT_PHONEME = 0, 7
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_SetParameter
_UTF8 = 1
SHORTEST_PAUSE_S = 0.05


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The library, of which there is one a process; not for several threads."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(LIBRARY)
        self._rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _AS_IPA))
        self._chunks: list[Any] = []
        self._phonemes: list[tuple[int, str]] = []
        self._callback = _Callback(self._heard)
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str, words_a_minute: int, pitch: int, pitch_range: int = 50) -> Utterance:
        """Speak in a voice such as ``en-us+f2``; pitch and its range 0…99.

        Raises:
            LookupError: when there is no such voice.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise LookupError(f"espeak-ng has no voice {voice!r}")
        for parameter, value in ((_RATE, words_a_minute), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._chunks, self._phonemes = [], []
        data = text.encode()
        self._library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, _UTF8, None, None)
        wave = np.concatenate(self._chunks or [np.zeros(self._rate // 10, np.int16)]).astype(np.float32) / 32768
        starts = [sample / self._rate for sample, _ in self._phonemes] + [len(wave) / self._rate]
        phones = [
            (_sounds(name, starts[at + 1] - starts[at]), starts[at], max(starts[at], starts[at + 1]))
            for at, (_, name) in enumerate(self._phonemes)
        ]
        return utterance(wave, self._rate, phones)

    def _heard(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        at = 0
        while events[at].type != _EVENT_END:
            if events[at].type == _EVENT_PHONEME:
                self._phonemes.append((events[at].sample, events[at].id.string.decode("utf-8", "ignore")))
            at += 1
        return 0


def _sounds(name: str, duration_s: float) -> list[str]:
    if name:
        return parse_ipa(name) if not name.startswith("(") else []  # "(en)" tells of another language
    return [SILENCE] if duration_s >= SHORTEST_PAUSE_S else []  # a shorter one only links


@cache
def espeak() -> Espeak:
    """Return the one there is.

    Raises:
        OSError: when the library is not installed (Debian's package espeak-ng).
    """
    return Espeak()
