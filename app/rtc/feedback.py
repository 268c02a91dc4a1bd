"""What a viewer says of its pictures over RTCP: it lost one, or how many bits a second it can take."""

from __future__ import annotations

from collections.abc import Callable

from aiortc import RTCRtpSender
from aiortc.rtp import RTCP_PSFB_APP, AnyRtcpPacket, RtcpPsfbPacket, unpack_remb_fci


class PictureFeedback:
    """Hands on PLI and FIR (``on_key_wish``) and REMB (``on_bitrate``, bit/s).

    aiortc answers them by the encoder that it would make itself, and offers no hook: two of the sender's methods are
    replaced on the instance. Made for the pinned aiortc; ``tests/e2e/test_over_webrtc.py`` fails if they move.
    """

    def __init__(
        self, sender: RTCRtpSender, on_key_wish: Callable[[], None], on_bitrate: Callable[[int], None]
    ) -> None:
        self._sender, self._on_bitrate = sender, on_bitrate
        self._handle = sender._handle_rtcp_packet
        sender._handle_rtcp_packet = self._handle_rtcp_packet  # type: ignore[method-assign]
        sender._send_keyframe = on_key_wish  # type: ignore[method-assign]

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            try:
                bitrate, ssrcs = unpack_remb_fci(packet.fci)
            except ValueError:  # another application's
                return
            if self._sender._ssrc in ssrcs:
                self._on_bitrate(bitrate)
            return
        await self._handle(packet)
