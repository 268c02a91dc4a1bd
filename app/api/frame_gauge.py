"""Where a WebSocket's frames begin and how long they are, told before they are read (RFC 6455, section 5.2)."""

from __future__ import annotations

from dataclasses import dataclass

CONTINUATION, TEXT = 0x0, 0x1
FIRST_CONTROL = 0x8
BITS_16, BITS_64 = 126, 127  # in place of a length: it follows, in so many bits
MASK_BYTES = 4
PIECE_BYTES = 100  # that each piece of a message counts for beside its content: an empty one takes room too
MASKED, OPCODE, LENGTH = 0x80, 0x0F, 0x7F


@dataclass(frozen=True, slots=True)
class FrameHead:
    """``frame_bytes``: of the whole frame, head included. ``message_bytes``: of its message up to here, its own end
    included, as they are counted for the limit."""

    is_text: bool
    is_control: bool
    frame_bytes: int
    message_bytes: int


class FrameGauge:
    """Reads heads one by one, and knows what the message that they belong to comes to."""

    def __init__(self) -> None:
        self._is_text = False
        self._message_bytes = 0

    def head(self, data: bytes | bytearray) -> FrameHead | None:
        """Return the head of the frame that ``data`` begins with; None as long as it is not all there."""
        if len(data) < 2:
            return None
        length, at = data[1] & LENGTH, 2
        if length in (BITS_16, BITS_64):
            at += 2 if length == BITS_16 else 8
            if len(data) < at:
                return None
            length = int.from_bytes(data[2:at], "big")
        frame_bytes = at + (MASK_BYTES if data[1] & MASKED else 0) + length
        opcode = data[0] & OPCODE
        if opcode >= FIRST_CONTROL:
            return FrameHead(False, True, frame_bytes, length)
        if opcode != CONTINUATION:
            self._is_text, self._message_bytes = opcode == TEXT, length
        else:
            self._message_bytes += length + PIECE_BYTES
        return FrameHead(self._is_text, False, frame_bytes, self._message_bytes)
