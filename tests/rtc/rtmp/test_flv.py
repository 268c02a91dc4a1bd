"""Pictures as FLV has them, read by FFmpeg."""

from __future__ import annotations

import struct

import numpy as np
from av import CodecContext, Packet

from app.i420 import plain
from app.rtc.picture_encoder import Effort, make_encoder
from app.rtc.rtmp.flv import AAC_HEADER, AvcPayloads, aac_frame

HEADER, KEY, INTER = b"\x17\x00\x00\x00\x00", b"\x17\x01\x00\x00\x00", b"\x27\x01\x00\x00\x00"


def test_pictures_come_with_their_configuration_once_and_can_be_decoded() -> None:
    encoder, payloads = make_encoder("H264", 500_000, 1_000_000, Effort.USUAL), AvcPayloads()
    decoder = CodecContext.create("h264", "r")
    levels = []
    for slot, level in enumerate((40, 120, 200, 60)):
        coded = encoder.encode(plain(64, 48, level), slot, key=slot == 2)
        found = payloads.payloads(coded.data, coded.key)
        heads = [payload[:5] for payload in found]
        assert heads == [[HEADER, KEY], [INTER], [KEY], [INTER]][slot]
        if slot == 0:
            decoder.extradata = found[0][5:]
        for frame in decoder.decode(Packet(found[-1][5:])):
            levels.append(round(float(np.mean(frame.to_ndarray(format="gray")))))
    levels += [round(float(np.mean(frame.to_ndarray(format="gray")))) for frame in decoder.decode(None)]
    assert len(levels) == 4 and levels[1] > levels[0] and levels[2] > levels[1] > levels[3]


def test_other_parameters_are_told() -> None:
    payloads = AvcPayloads()
    first = make_encoder("H264", 500_000, 1_000_000, Effort.USUAL).encode(plain(64, 48, 9), 0, key=True)
    other = make_encoder("H264", 500_000, 1_000_000, Effort.USUAL).encode(plain(96, 48, 9), 1, key=True)
    assert [len(payloads.payloads(each.data, True)) for each in (first, first, other)] == [2, 1, 2]


def test_units_have_lengths_instead_of_start_codes() -> None:
    (found,) = AvcPayloads().payloads(b"\x00\x00\x00\x01\x09\xf0\x00\x00\x01\x41abc\x00\x00\x00\x01\x41d", key=False)
    assert found == INTER + struct.pack(">I", 4) + b"\x41abc" + struct.pack(">I", 2) + b"\x41d"


def test_sound_is_marked_as_aac() -> None:
    assert AAC_HEADER == b"\xaf\x00\x11\x88" and aac_frame(b"x") == b"\xaf\x01x"
