"""The process that eSpeak NG runs in: ``python espeak_process.py LIBRARY DATA``, a program of its own.

Texts of strangers can crash the library (a buffer overflow, in C). So it runs apart: it takes no session with it, and
is started again. Standard input: a JSON object a line, ``{}`` for the list of voices, ``{"voice", "text", "pause"}``
for sound. Standard output: for each a length (4 bytes, little-endian) and so many bytes, JSON or 16-bit samples. Before
the first it says the sample rate, in digits.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: the sound by callbacks, before the call returns
DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT
MOST_MEMORY_BYTES = 1024**3
UTF8, END_PAUSE = 1, 0x1000  # without espeakSSML and espeakPHONEMES, nothing in a text is markup


class _Voice(ctypes.Structure):
    """``espeak_VOICE``; ``languages``: for each a byte of priority and its tag, a 0 behind the last."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


def main(library_path: str, data_path: str) -> None:
    """Answer requests until standard input ends."""
    for limit, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_AS, MOST_MEMORY_BYTES)):
        resource.setrlimit(limit, (most, most))
    # what the library prints must not stand between the answers
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    library = ctypes.CDLL(library_path)
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, data_path.encode(), DONT_EXIT)
    if rate <= 0:
        sys.exit(f"espeak-ng cannot read its data in {data_path}")

    sound: list[bytes] = []

    def heard(samples: int | None, count: int, events: Any) -> int:
        if samples and count > 0:
            sound.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _Callback(heard)
    library.espeak_SetSynthCallback(callback)
    _answer(out, str(rate).encode())
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "text" in request:
            _speak(library, **request)
            _answer(out, b"".join(sound))
            sound.clear()
        else:
            _answer(out, json.dumps(list(_voices(library, data_path))).encode())


def _speak(library: ctypes.CDLL, voice: str, text: str, pause: bool) -> None:
    library.espeak_SetVoiceByName(voice.encode())
    data = text.encode()
    flags = UTF8 | (END_PAUSE if pause else 0)
    library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, flags, None, None)


def _voices(library: ctypes.CDLL, data_path: str) -> Iterator[dict[str, Any]]:
    """Yield identifier, name and languages, the own one first, of each voice that has its dictionary."""
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    listed = library.espeak_ListVoices(None)
    at = 0
    while listed[at]:
        voice = listed[at].contents
        at += 1
        languages, place = [], voice.languages
        while ctypes.string_at(place, 1) != b"\0":
            tag = ctypes.string_at(place + 1)
            languages.append((ctypes.string_at(place, 1)[0], tag.decode()))
            place += 2 + len(tag)
        tags = [tag for _, tag in languages]
        names = {tags[0], tags[0].split("-")[0], voice.identifier.decode().split("/")[-1]}
        if any(os.path.exists(os.path.join(data_path, f"{name}_dict")) for name in names):
            yield {"identifier": voice.identifier.decode(), "name": voice.name.decode(), "languages": languages}


def _answer(out: BinaryIO, data: bytes) -> None:
    out.write(struct.pack("<I", len(data)))
    out.write(data)
    out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
