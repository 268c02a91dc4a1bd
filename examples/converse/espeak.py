"""Speech from text by espeak-ng, in this process: the PyPI wheel ``espeakng-loader`` brings library and voices.

espeak-ng is free software under the GPL, version 3 or later: whoever passes on a program that loads it has that
licence's duties. Nothing of it is in Lipwire.
"""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass

import espeakng_loader

_RETRIEVE = 1  # hand the sound over rather than play it
_UTF8 = 1
_EVENT_END, _EVENT_WORD = 0, 1
_POSITION_BY_LETTER = 1


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Speech:
    """``pcm``: 16-bit mono. ``words``: where each begins in the text (letters from 0) and in the sound (ms)."""

    pcm: bytes
    words: tuple[tuple[int, int], ...]


class Espeak:
    """The library; there is one in a process, and one text at a time."""

    def __init__(self, voice: str = "en") -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate: int = self._library.espeak_Initialize(_RETRIEVE, 0, data, 0)
        if self.sample_rate <= 0:
            raise RuntimeError("espeak-ng did not start: its voices were not found")
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice called {voice}")
        self._pcm, self._words = bytearray(), list[tuple[int, int]]()
        self._callback = _Callback(self._take)  # kept here, as the library keeps no reference
        self._library.espeak_SetSynthCallback(self._callback)
        self._turn = threading.Lock()

    def speak(self, text: str) -> Speech:
        """Return the sound of a text; may be called from any thread."""
        with self._turn:
            self._pcm, self._words = bytearray(), []
            encoded = text.encode()
            size = ctypes.c_size_t(len(encoded) + 1)
            self._library.espeak_Synth(encoded, size, 0, _POSITION_BY_LETTER, 0, _UTF8, None, None)
            self._library.espeak_Synchronize()
            return Speech(bytes(self._pcm), tuple(self._words))

    def _take(self, samples: object, count: int, events: object) -> int:
        if samples and count > 0:
            self._pcm += ctypes.string_at(samples, count * 2)  # type: ignore[arg-type]
        at = 0
        while events and (event := events[at]).type != _EVENT_END:  # type: ignore[index]
            if event.type == _EVENT_WORD:
                self._words.append((event.text_position - 1, event.audio_position))
            at += 1
        return 0
