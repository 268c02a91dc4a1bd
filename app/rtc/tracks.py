"""The two tracks that aiortc reads: packets as they were encoded, which it only puts on the wire."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet

from app.rtc.subscription import Subscription


class PacketTrack(MediaStreamTrack):
    """One subscriber's voice or pictures. ``pts`` counts from the epoch."""

    def __init__(self, kind: str, subscription: Subscription, time_base: Fraction) -> None:
        self.kind = kind
        super().__init__()
        self.subscription, self._time_base = subscription, time_base
        self.last_pts = 0

    async def recv(self) -> Packet[Any]:
        """Return the next packet."""
        if self.readyState != "live":
            raise MediaStreamError
        encoded = await self.subscription.next()
        packet: Packet[Any] = Packet(encoded.data)
        packet.time_base = self._time_base
        packet.pts = self.last_pts = encoded.pts
        return packet
