"""Payloads of RTMP's audio and video messages, as in FLV (Adobe's "Video File Format", 10.1, annex E)."""

from __future__ import annotations

import struct

from app.rtc.voice_encoder import AAC_LC_48K_MONO

KEY_AVC, INTER_AVC, AAC = 0x17, 0x27, 0xAF  # frame type and codec; AAC's flags say nothing
HEADER, FRAME = 0, 1
NAL_SPS, NAL_PPS, NAL_DELIMITER = 7, 8, 9

AAC_HEADER = bytes([AAC, HEADER]) + AAC_LC_48K_MONO

START_CODE = b"\x00\x00\x01"  # with any number of zeros before it; no unit ends with one


def aac_frame(data: bytes) -> bytes:
    """Wrap a frame of sound."""
    return bytes([AAC, FRAME]) + data


class AvcPayloads:
    """Turns pictures as libx264 writes them (start codes, parameter sets in front of key pictures) into FLV's."""

    def __init__(self) -> None:
        self._header = b""

    def payloads(self, data: bytes, key: bool) -> list[bytes]:
        """Return a picture's payload, after the decoder's configuration wherever that is another than before."""
        units = [unit for unit in (part.rstrip(b"\0") for part in data.split(START_CODE)) if unit]
        sets = [unit for unit in units if unit[0] & 0x1F in (NAL_SPS, NAL_PPS)]
        pictures = [unit for unit in units if unit[0] & 0x1F not in (NAL_SPS, NAL_PPS, NAL_DELIMITER)]
        frame = struct.pack(">BB3x", KEY_AVC if key else INTER_AVC, FRAME)  # and no delay between coding and showing
        frame += b"".join(struct.pack(">I", len(unit)) + unit for unit in pictures)
        header = _configuration(sets) if len(sets) == 2 else self._header
        if header == self._header:
            return [frame]
        self._header = header
        return [header, frame]


def _configuration(sets: list[bytes]) -> bytes:
    """Return an AVCDecoderConfigurationRecord (ISO 14496-15, 5.3.3.1) with lengths of four bytes."""
    sps, pps = sets
    record = bytes([1, *sps[1:4], 0xFF, 0xE1]) + struct.pack(">H", len(sps)) + sps
    record += bytes([1]) + struct.pack(">H", len(pps)) + pps
    return struct.pack(">BB3x", KEY_AVC, HEADER) + record
