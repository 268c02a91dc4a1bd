"""``bench service``'s machinery around one short session of the real server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.media import SAMPLES_PER_PACKET
from bench.figures import Span, figures_of
from bench.guest import Wish
from bench.holes import listen
from bench.timeline import Timeline
from bench.watch import watch
from tests.server import Server

TRIES = 3  # the machine may have others to serve


@pytest.mark.realtime
async def test_a_short_session_has_no_hole_and_one_that_is_put_in_is_found(server: Server) -> None:
    for _ in range(TRIES):
        [record], span, used = await watch(server, [Wish(engine="clapper")], seconds=6, settle_s=1)
        whole = figures_of(record, span)
        if whole.holes + whole.excused == 0:
            break
    assert (whole.refused, whole.error) == (None, None)
    # a machine that is too busy cuts real ones, and the server knows of them
    assert (whole.holes == 0 and whole.fps > 20) or whole.server, whole
    assert whole.tones >= 1 and whole.lost_tones == 0
    assert whole.delay_p50_ms is not None and 20 < whole.delay_p50_ms < 1000
    assert whole.fps > 0 and whole.kbit_s > 0
    assert used.server.total_s > 0 and {"event loop", "inference", "encoder"} <= set(used.server.groups_s)

    timeline = Timeline(record.voice)
    inside = whole_stretch(timeline, span) // SAMPLES_PER_PACKET + 5
    cut = replace(record, voice=record.voice[:inside] + record.voice[inside + 2 :])
    found = figures_of(cut, span)
    assert found.holes + found.excused == whole.holes + whole.excused + 1


def whole_stretch(timeline: Timeline, span: Span) -> int:
    """The first sample of 0.3 s of tone that have no fault, within the span."""
    heard = listen(timeline.samples)
    loud = [at + ms * 48 for at in heard.onsets for ms in range(100, 2500, 50) if span.holds(timeline.arrival_ns(at))]
    whole = [at for at in loud if not any(at - 4800 < fault.at < at + 14400 for fault in heard.faults)]
    assert whole, f"no stretch is whole: {heard}"
    return whole[0]
