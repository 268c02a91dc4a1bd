"""Recordings as WAV files, in the formats that are sent."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lipwire.pcm import Encoding, PcmFormat

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
ENCODINGS: dict[tuple[int, int], Encoding] = {(PCM, 16): "pcm_s16le", (FLOAT, 32): "pcm_f32le"}
BLOCK_BYTES = 64 * 1024  # a multiple of any sample


class WavError(ValueError):
    """A file that is no WAV, or holds what is not sent as it is."""


class WavFile:
    """An open recording; ``with WavFile(path) as wav``, then ``for block in wav``. Reads one block at a time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            self.format, self._bytes = _read_header(self._file, path.name)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> WavFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        left = self._bytes
        while left > 0 and (block := self._file.read(min(BLOCK_BYTES, left))):
            left -= len(block)
            yield block


def _read_header(file: BinaryIO, name: str) -> tuple[PcmFormat, int]:
    """Read up to the samples; returns their format, and how many bytes there are."""
    riff = file.read(12)
    if len(riff) < 12 or riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        raise WavError(f"{name} is not a WAV file")
    format: PcmFormat | None = None
    while len(head := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        if kind == b"data" and format is not None:
            return format, size
        if kind == b"fmt ":
            format = _format_of(file.read(size + size % 2), name)
        else:
            file.seek(size + size % 2, 1)
    raise WavError(f"{name} holds no sound")


def _format_of(chunk: bytes, name: str) -> PcmFormat:
    if len(chunk) < 16:
        raise WavError(f"{name} is damaged")
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if kind == EXTENSIBLE and len(chunk) >= 26:
        kind = struct.unpack("<H", chunk[24:26])[0]
    encoding = ENCODINGS.get((kind, bits))
    if encoding is None:
        raise WavError(f"{name} holds {bits}-bit samples of another kind; convert it to 16-bit PCM or 32-bit float")
    try:
        return PcmFormat(rate, channels, encoding)
    except ValueError as error:
        raise WavError(f"{name}: {error}") from error
