"""What the encoders make is decoded again."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from av import CodecContext, Packet

from app.i420 import GREY_CHROMA, plain, planes_of
from app.media import I420
from app.rtc.picture_encoder import MIN_BITRATE, Effort, PictureCodec, make_encoder

CODECS: tuple[PictureCodec, ...] = ("H264", "VP8")
DECODERS = {"H264": "h264", "VP8": "vp8"}


def moving(number: int, width: int = 192, height: int = 130) -> I420:
    """A soft texture with a bar that wanders."""
    y, x = np.mgrid[:height, :width]
    picture: I420 = np.full((height * 3 // 2, width), GREY_CHROMA, np.uint8)
    planes = planes_of(picture)
    planes.y[:] = 120 + 60 * np.sin(x / 9) * np.cos(y / 7)
    planes.y[:, (number * 3) % width : (number * 3) % width + 20] = 220
    return picture


class Decoded:
    def __init__(self, codec: PictureCodec) -> None:
        self._decoder: Any = CodecContext.create(DECODERS[codec], "r")

    def of(self, data: bytes) -> I420:
        (frame,) = self._decoder.decode(Packet(data))
        return np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8)


def psnr(a: I420, b: I420) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, float(np.mean((a.astype(float) - b) ** 2)))))


@pytest.mark.parametrize(("codec", "effort"), list(product(CODECS, Effort)))
def test_each_picture_comes_out_at_once_and_as_it_was(codec: PictureCodec, effort: Effort) -> None:
    encoder, decoded = make_encoder(codec, 1_500_000, 2_500_000, effort), Decoded(codec)
    for slot in range(30):
        encoded = encoder.encode(moving(slot), slot, False)
        assert encoded.pts == slot * 3600
        assert encoded.key is (slot == 0), "nobody asked for another"
        assert psnr(decoded.of(encoded.data), moving(slot)) > 30


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("width", "height"), [(600, 602), (698, 698), (702, 700), (810, 1080)])
def test_colours_stay_in_their_places_whatever_the_sides(codec: PictureCodec, width: int, height: int) -> None:
    picture = plain(width, height, 100)
    planes = planes_of(picture)
    planes.u[:], planes.v[:] = 60, 200
    encoded = make_encoder(codec, 2_000_000, 4_000_000, Effort.USUAL).encode(picture, 0, True)
    decoded = planes_of(Decoded(codec).of(encoded.data))
    assert np.abs(decoded.u.astype(int) - 60).max() < 4 and np.abs(decoded.v.astype(int) - 200).max() < 4


@pytest.mark.parametrize("codec", CODECS)
def test_a_key_frame_that_is_asked_for_needs_no_other(codec: PictureCodec) -> None:
    encoder = make_encoder(codec, 1_500_000, 2_500_000, Effort.USUAL)
    for slot in range(5):
        encoder.encode(moving(slot), slot, False)
    encoded = encoder.encode(moving(5), 5, True)
    assert encoded.key
    assert psnr(Decoded(codec).of(encoded.data), moving(5)) > 30


def sizes(codec: PictureCodec, bitrates: dict[int, int], count: int = 150) -> tuple[np.ndarray, list[int]]:
    """Return the bits of each picture, and which were key frames, where slots give other bit rates."""
    encoder = make_encoder(codec, 1_000_000, 1_000_000, Effort.USUAL)
    random = np.random.default_rng(1)
    bits, keys = [], []
    for slot in range(count):
        if slot in bitrates:
            encoder.aim_at(bitrates[slot])
        picture = moving(slot, 320, 240)
        planes_of(picture).y[:] ^= random.integers(0, 32, (240, 320), np.uint8)  # more than fits
        encoded = encoder.encode(picture, slot, False)
        bits.append(8 * len(encoded.data))
        keys += [slot] if encoded.key else []
    return np.array(bits), keys


def test_h264_takes_another_bit_rate_without_a_key_frame() -> None:
    bits, keys = sizes("H264", {50: 300_000})
    assert keys == [0]
    assert bits[100:].mean() * 25 == pytest.approx(300_000, rel=0.25)
    assert bits[20:50].mean() > 2 * bits[100:].mean()


def test_vp8_begins_anew_only_for_a_bit_rate_that_is_much_another() -> None:
    bits, keys = sizes("VP8", {50: 900_000, 60: 1_000_000, 70: 300_000, 80: 310_000})
    assert keys == [0, 70]
    assert bits[110:].mean() * 25 < 450_000


@pytest.mark.parametrize("codec", CODECS)
def test_a_bit_rate_stays_within_reason(codec: PictureCodec) -> None:
    encoder = make_encoder(codec, 10**9, 2_500_000, Effort.USUAL)
    assert encoder.bitrate == 2_500_000
    encoder.aim_at(1)
    assert encoder.bitrate == MIN_BITRATE


@pytest.mark.parametrize("codec", CODECS)
def test_a_picture_of_another_size_begins_anew(codec: PictureCodec) -> None:
    encoder, decoded = make_encoder(codec, 1_500_000, 2_500_000, Effort.USUAL), Decoded(codec)
    decoded.of(encoder.encode(moving(0), 0, False).data)
    encoded = encoder.encode(moving(1, 256, 256), 1, False)
    assert encoded.key
    assert decoded.of(encoded.data).shape == (384, 256)


def test_h264_is_what_every_browser_decodes() -> None:
    data = make_encoder("H264", 1_500_000, 2_500_000, Effort.USUAL).encode(moving(0), 0, True).data
    sps = data[data.index(b"\x67") :]
    profile, constraints = sps[1], sps[2]
    assert profile == 66 and constraints & 0x40, "constrained baseline"
