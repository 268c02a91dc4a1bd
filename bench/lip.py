"""Sees when the test face opens its mouth, and how far from its tone a browser would show that.

The engine ``clapper`` shows white exactly while its slice is loud. RTP timestamps of both kinds of media are set side
by side as browsers do it: by their sender reports.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import av
import numpy as np
from aiortc.codecs.vpx import VpxPayloadDescriptor

from app.media import VIDEO_CLOCK_RATE
from bench.timeline import samples_ahead

DARK, BRIGHT = 90.0, 150.0  # mean luma
KEPT = 64  # onsets, a quarter of an hour of them in 4-second cycles at least
NEAR_MS = 600.0
NTP_S = 1 << 32


class LipReader:
    """Decodes VP8 as it comes and notes when white begins. Bound: ``KEPT`` onsets, the oldest goes."""

    def __init__(self) -> None:
        self.onsets: deque[int] = deque(maxlen=KEPT)  # RTP timestamps
        self._decoder = av.CodecContext.create("vp8", "r")
        self._parts: list[bytes] = []
        self._timestamp: int | None = None
        self._was_bright = True

    def see(self, payload: bytes, timestamp: int, ends: bool) -> None:
        """See :class:`bench.receiver.Eye`."""
        if timestamp != self._timestamp:
            self._timestamp, self._parts = timestamp, []
        try:
            self._parts.append(VpxPayloadDescriptor.parse(payload)[1])
        except ValueError:
            return  # padding
        if ends:
            self._look(b"".join(self._parts), timestamp)

    def _look(self, data: bytes, timestamp: int) -> None:
        try:
            frames = self._decoder.decode(av.Packet(data))
        except av.FFmpegError:
            return  # a packet was lost: it goes on with the next key frame
        for frame in frames:
            level = float(np.frombuffer(bytes(frame.planes[0]), np.uint8)[::101].mean())
            if level > BRIGHT and not self._was_bright:
                self.onsets.append(timestamp)
            if not DARK < level < BRIGHT:
                self._was_bright = level > BRIGHT


class Reports:
    """The latest sender report of each kind of media."""

    def __init__(self) -> None:
        self.latest: dict[str, tuple[int, int]] = {}  # kind → (NTP, RTP)

    def note(self, kind: str, ntp: int, rtp: int) -> None:
        """Take one."""
        self.latest[kind] = (ntp, rtp)


def offsets_ms(
    voice: Sequence[int], pictures: Sequence[int], reports: dict[str, tuple[int, int]], voice_rate: int
) -> list[float]:
    """Return by how much each picture that opens the mouth comes after its tone's begin, in ms; both RTP timestamps."""
    if not {"audio", "video"} <= set(reports):
        return []
    heard = [_ntp_ms(stamp, reports["audio"], voice_rate) for stamp in voice]
    seen = [_ntp_ms(stamp, reports["video"], VIDEO_CLOCK_RATE) for stamp in pictures]
    found = []
    for at_ms in heard:
        nearest = min((each - at_ms for each in seen), key=abs, default=NEAR_MS)
        if abs(nearest) < NEAR_MS:
            found.append(nearest)
    return found


def _ntp_ms(timestamp: int, report: tuple[int, int], rate: int) -> float:
    ntp, rtp = report
    return ntp * 1000 / NTP_S + samples_ahead(timestamp, rtp) * 1000 / rate
