from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from app.api.frame_gauge import PIECE_BYTES, FrameGauge


def sent(opcode: Opcode, length: int, fin: bool = True) -> bytes:
    return Frame(opcode, bytes(length), fin).serialize(mask=True, extensions=())


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frames_length_is_known_from_its_head(length: int) -> None:
    data = sent(Opcode.BINARY, length)
    head = FrameGauge().head(data + b"more")
    assert head is not None
    assert (head.frame_bytes, head.message_bytes, head.is_text, head.is_control) == (len(data), length, False, False)


def test_a_head_that_is_not_all_there_says_nothing() -> None:
    data = sent(Opcode.TEXT, 70_000)
    assert [FrameGauge().head(data[:count]) for count in range(10)] == [None] * 10
    assert FrameGauge().head(data[:10]) is not None


def test_a_message_in_pieces_comes_to_all_of_them_and_empty_ones_count_too() -> None:
    gauge = FrameGauge()
    gauge.head(sent(Opcode.TEXT, 500, fin=False))
    control = gauge.head(sent(Opcode.PING, 5))
    assert control is not None and control.is_control
    for number in range(1, 1001):
        head = gauge.head(sent(Opcode.CONT, 0, fin=False))
        assert head is not None and head.is_text
        assert head.message_bytes == 500 + number * PIECE_BYTES
    fresh = gauge.head(sent(Opcode.BINARY, 7))
    assert fresh is not None and fresh.message_bytes == 7
