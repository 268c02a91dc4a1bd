"""The two tracks that aiortc reads: packets as they were encoded, which it only puts on the wire."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet

from app.rtc.subscription import Subscription


class PacketTrack(MediaStreamTrack):
    """One subscriber's voice or pictures. ``pts`` counts from the epoch.

    aiortc reads a track once its connection is up; the track subscribes then, and not before: what was coded for a
    viewer who was still connecting would come in a burst, too late to be shown.
    """

    def __init__(self, kind: str, subscribe: Callable[[], Subscription], time_base: Fraction) -> None:
        self.kind = kind
        super().__init__()
        self._subscribe, self._time_base = subscribe, time_base
        self.subscription: Subscription | None = None
        self.last_pts = 0

    async def recv(self) -> Packet[Any]:
        """Return the next packet."""
        if self.readyState != "live":
            raise MediaStreamError
        if self.subscription is None:
            self.subscription = self._subscribe()
        encoded = await self.subscription.next()
        packet: Packet[Any] = Packet(encoded.data)
        packet.time_base = self._time_base
        packet.pts = self.last_pts = encoded.pts
        return packet
