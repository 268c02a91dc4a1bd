"""Coded pictures and sounds cut into what RTP packets carry: once for all who take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder

from app.rtc.picture_encoder import PictureCodec
from app.rtc.subscription import Encoded

PICTURE_IDS = 1 << 15  # VP8 counts its pictures in 15 bits (RFC 7741)

Payloads = Sequence[bytes]


class Packetizer:
    """One coded stream's payloads. All who take a picture ask for it in turn, and the first one has it cut."""

    def __init__(self, cut: Callable[[bytes], Payloads]) -> None:
        self._cut = cut
        self._latest: Encoded | None = None
        self._payloads: Payloads = ()

    def payloads(self, encoded: Encoded) -> Payloads:
        """Return what the packets of a picture or sound carry, in order."""
        if encoded is not self._latest:
            self._payloads, self._latest = self._cut(encoded.data), encoded
        return self._payloads


def picture_packetizer(codec: PictureCodec) -> Packetizer:
    """Make one for pictures: RFC 6184 or RFC 7741, as aiortc cuts them."""
    return Packetizer(_cut_h264 if codec == "H264" else _Vp8Cutter().cut)


def voice_packetizer() -> Packetizer:
    """Make one for Opus, of which a packet carries 20 ms as they are (RFC 7587)."""
    return Packetizer(lambda data: (data,))


def _cut_h264(data: bytes) -> Payloads:
    return H264Encoder._packetize(H264Encoder._split_bitstream(data))


class _Vp8Cutter:
    """Numbers pictures without a gap: a browser takes a missing number for a missing picture."""

    def __init__(self) -> None:
        self._picture_id = 0

    def cut(self, data: bytes) -> Payloads:
        self._picture_id = (self._picture_id + 1) % PICTURE_IDS
        return Vp8Encoder._packetize(data, self._picture_id)
