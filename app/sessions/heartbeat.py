"""A session's sign of life."""

from __future__ import annotations

import logging

from app.clock import Clock
from app.media import NS_PER_S
from app.sessions.event_queue import Announcer
from app.sessions.playout import Playout

logger = logging.getLogger(__name__)


async def beat(id: str, playout: Playout, clock: Clock, announcer: Announcer) -> None:
    """Write one line in the log, and announce one :class:`Stats`, once a second until cancelled."""
    begun_ns = last_ns = clock.now_ns()
    sent = 0
    while True:
        await clock.sleep_until(last_ns + NS_PER_S)
        now_ns, pictures = clock.now_ns(), playout.pictures_sent
        stats = playout.stats(round((pictures - sent) * NS_PER_S / (now_ns - last_ns), 1))
        last_ns, sent = now_ns, pictures
        logger.info(
            "session %s: %.0f s, played %.1f s, A=%d B=%d pending=%d "
            "held=%d underruns=%d dropped=%d missed=%d unsent=%d",
            id, (now_ns - begun_ns) / NS_PER_S, stats.played_ms / 1000, stats.buffer_a, stats.buffer_b, stats.pending,
            stats.holds, stats.underruns, stats.drops, stats.missed, stats.unsent,
        )  # fmt: skip
        announcer.announce(stats)
