"""The head of a WAV file that is still coming."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from app.ingest.pcm import Encoding, PcmFormat

MOST_HEAD_BYTES = 64 * 1024
_INTEGERS, _FLOATS, _EXTENSIBLE = 1, 3, 0xFFFE
_ENCODINGS: dict[tuple[int, int], Encoding] = {(_INTEGERS, 16): "pcm_s16le", (_FLOATS, 32): "pcm_f32le"}
_UNKNOWN_BYTES = (0, 0x7FFFFFFF - 36, 0x7FFFFFFF, 0xFFFFFFFF - 36, 0xFFFFFFFF)  # as those write who stream


@dataclass(frozen=True, slots=True)
class WavHead:
    """``begins``: where the sound does. ``size``: how many bytes it has; None where the file does not know."""

    format: PcmFormat
    begins: int
    size: int | None


def wav_head(data: bytes) -> WavHead | Literal["more"]:
    """Read the head of what begins with RIFF; ``more`` of it may be needed.

    Raises:
        ValueError: where it is none that can be read; says why.
    """
    if len(data) < 12:
        return "more"
    if data[8:12] != b"WAVE":
        raise ValueError("a RIFF file that is no WAV")
    format: PcmFormat | None = None
    at = 12
    while len(data) >= at + 8:
        name, size = struct.unpack_from("<4sI", data, at)
        body = at + 8
        if name == b"data":
            if format is None:
                raise ValueError("a WAV file without a format")
            return WavHead(format, body, None if size in _UNKNOWN_BYTES else size)
        if len(data) < body + size:
            break
        if name == b"fmt ":
            format = _format(data[body : body + size])
        at = body + size + size % 2
    if len(data) > MOST_HEAD_BYTES:
        raise ValueError("a WAV file without sound")
    return "more"


def _format(body: bytes) -> PcmFormat:
    if len(body) < 16:
        raise ValueError("a WAV file without a format")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if kind == _EXTENSIBLE and len(body) >= 26:
        (kind,) = struct.unpack_from("<H", body, 24)
    encoding = _ENCODINGS.get((kind, bits))
    if encoding is None:
        raise ValueError(f"WAV of {bits} bits, kind {kind}; 16-bit integers or 32-bit floats can be used")
    if channels not in (1, 2) or not 8_000 <= rate <= 96_000:
        raise ValueError(f"WAV of {channels} channels at {rate} Hz; 1 or 2 at 8000 to 96000 Hz can be used")
    return PcmFormat(encoding, channels, rate)
