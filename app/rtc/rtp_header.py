"""What stands before a payload on the wire: RTP's header, and the extensions that were agreed on."""

from __future__ import annotations

from struct import Struct

from aiortc import clock
from aiortc.rtcrtpparameters import RTCRtpSendParameters

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
VERSION, EXTENDED, MARKER = 0x80, 0x10, 0x80  # RFC 3550
ONE_BYTE_HEADERS = 0xBEDE  # RFC 8285: names from 1 to 14, contents of 1 to 16 bytes
MOST_NAME, MOST_BYTES = 14, 16

FIXED = Struct("!BBHII")
EXTENSION = Struct("!HH")


class Extensions:
    """Writes those of one stream: its section's name, and when a packet left, by which a line is judged."""

    def __init__(self, parameters: RTCRtpSendParameters) -> None:
        names = {each.uri: each.id for each in parameters.headerExtensions if each.id <= MOST_NAME}
        mid = parameters.muxId.encode()
        self._time = bytes([names[ABS_SEND_TIME] << 4 | 2]) if ABS_SEND_TIME in names else b""
        rest = bytes([names[MID] << 4 | len(mid) - 1]) + mid if MID in names and 0 < len(mid) <= MOST_BYTES else b""
        size = len(rest) + (len(self._time) + 3 if self._time else 0)
        words = -(-size // 4)
        self._rest = rest + bytes(4 * words - size)
        self._head = EXTENSION.pack(ONE_BYTE_HEADERS, words) if words else b""
        self.flags = VERSION | EXTENDED if words else VERSION

    def write(self) -> bytes:
        """Return them as they are now."""
        if not self._time:
            return self._head + self._rest
        # the middle 24 bits of the time: 6 of seconds, 18 of their fraction
        return self._head + self._time + (clock.current_ntp_time() >> 14 & 0xFFFFFF).to_bytes(3, "big") + self._rest
