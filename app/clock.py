"""The one place that reads a clock, and the slots that a session's epoch defines."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from app.media import NS_PER_S, SLOT_NS

NTP_BEFORE_UNIX_S = 2_208_988_800  # from 1900 to 1970
NTP_FRACTION = 1 << 32  # of a second, in NTP's 64 bits


def wall_clock() -> datetime:
    """Return the time of day, UTC: for what people and tokens are told, never for playout."""
    return datetime.now(UTC)


class Clock(Protocol):
    """Monotonic time, and a way to wait for it; tests pass one that they move by hand."""

    def now_ns(self) -> int:
        """Return monotonic nanoseconds."""
        ...

    async def sleep_until(self, deadline_ns: int) -> None:
        """Return at ``deadline_ns`` or as soon after it as the event loop allows."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        """Return monotonic nanoseconds."""
        return time.monotonic_ns()

    async def sleep_until(self, deadline_ns: int) -> None:
        """Sleep until an absolute deadline; always yields to the event loop once."""
        await asyncio.sleep(max(0, deadline_ns - self.now_ns()) / NS_PER_S)


@dataclass(frozen=True, slots=True)
class SlotClock:
    """Deadlines of a session: slot ``n`` is due at ``epoch_ns + n × 40 ms``, whatever happened before it."""

    epoch_ns: int

    def due_ns(self, slot: int) -> int:
        """Return when ``slot`` is due."""
        return self.epoch_ns + slot * SLOT_NS

    def slot_at(self, now_ns: int) -> int:
        """Return the slot that is playing at ``now_ns``; negative before the epoch."""
        return (now_ns - self.epoch_ns) // SLOT_NS


class Epoch:
    """When a session's playout begins: unknown until it does, and never moved afterwards. On the event loop."""

    def __init__(self) -> None:
        self.slots: SlotClock | None = None
        self.ntp = 0  # the same moment of the wall clock, 64 bits

    def begin(self, epoch_ns: int, now_ns: int) -> SlotClock:
        """Set it, in monotonic ns; the wall clock is read this once."""
        assert self.slots is None, "an epoch is set once"
        self.slots = SlotClock(epoch_ns)
        wall_ns = time.time_ns() + epoch_ns - now_ns + NTP_BEFORE_UNIX_S * NS_PER_S
        self.ntp = wall_ns * NTP_FRACTION // NS_PER_S
        return self.slots
