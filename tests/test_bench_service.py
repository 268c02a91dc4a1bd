"""``bench service``'s machinery around one short session of the real server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.media import SAMPLES_PER_PACKET
from bench.figures import figures_of
from bench.guest import Wish
from bench.holes import listen
from bench.server import Served
from bench.timeline import Timeline
from bench.watch import watch
from tests.server import Server

TRIES = 3  # the machine may have others to serve


@pytest.mark.realtime
async def test_a_short_session_has_no_hole_and_one_that_is_put_in_is_found(server: Server) -> None:
    served = Served(server.url, server.process.pid)
    for _ in range(TRIES):
        [record], span, used = await watch(served, [Wish(engine="clapper")], seconds=6, settle_s=1)
        whole = figures_of(record, span)
        if whole.holes + whole.excused == 0:
            break
    assert (whole.refused, whole.error) == (None, None)
    # a machine that is too busy cuts real ones, and the server knows of them
    assert whole.holes == 0 or whole.server, whole
    assert whole.tones >= 1 and whole.lost_tones == 0
    assert whole.delay_p50_ms is not None and 20 < whole.delay_p50_ms < 1000
    assert whole.fps > 20 and whole.kbit_s > 0
    assert used.server.total_s > 0 and {"event loop", "inference", "encoder"} <= set(used.server.groups_s)

    timeline = Timeline(record.voice)
    onset = next(at for at in listen(timeline.samples).onsets if span.holds(timeline.arrival_ns(at)))
    inside = onset // SAMPLES_PER_PACKET + 50
    cut = replace(record, voice=record.voice[:inside] + record.voice[inside + 2 :])
    assert figures_of(cut, span).holes == whole.holes + 1
