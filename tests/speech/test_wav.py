from __future__ import annotations

import struct

import pytest

from app.speech.wav import MOST_HEAD_BYTES, wav_head


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def form(kind: int = 1, channels: int = 1, rate: int = 22_050, bits: int = 16, more: bytes = b"") -> bytes:
    step = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", kind, channels, rate, rate * step, step, bits) + more)


def wav(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_a_head_is_read_however_little_of_it_has_come() -> None:
    whole = wav(form(channels=2, rate=48_000), chunk(b"LIST", b"odd"), chunk(b"data", b"abcd"))
    begins = whole.index(b"abcd")
    for length in range(begins):
        assert wav_head(whole[:length]) == "more"
    head = wav_head(whole)
    assert head != "more"
    assert (head.format.encoding, head.format.channels, head.format.sample_rate) == ("pcm_s16le", 2, 48_000)
    assert (head.begins, head.size) == (begins, 4)


def test_floats_and_the_extensible_form_are_read() -> None:
    floats = wav_head(wav(form(3, bits=32), chunk(b"data", b"")))
    extensible = wav_head(wav(form(0xFFFE, more=struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)), chunk(b"data", b"")))
    assert floats != "more" and floats.format.encoding == "pcm_f32le"
    assert extensible != "more" and extensible.format.encoding == "pcm_s16le"


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_file_that_is_streamed_does_not_know_its_size(size: int) -> None:
    head = wav_head(wav(form(), chunk(b"data", b"", size)))
    assert head != "more" and head.size is None


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\0\0\0\0AVI LIST",
        wav(chunk(b"data", b"")),
        wav(form(bits=24)),
        wav(form(channels=6)),
        wav(form(rate=4000)),
        wav(chunk(b"fmt ", b"short")),
        wav(form(), chunk(b"LIST", bytes(MOST_HEAD_BYTES + 2), 2**31)),
    ],
)
def test_what_cannot_be_used_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="WAV"):
        wav_head(data)
