from __future__ import annotations

import datetime

from app.clock import NTP_FRACTION, SlotClock, ntp_now
from app.media import SLOT_NS


def test_ntp_counts_seconds_from_1900() -> None:
    since_1900 = datetime.datetime.now(datetime.UTC) - datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC)
    assert 0 <= since_1900.total_seconds() - ntp_now() / NTP_FRACTION + 0.001 < 5


def test_slots_are_counted_from_the_epoch() -> None:
    slots = SlotClock(1000)
    assert slots.due_ns(3) == 1000 + 3 * SLOT_NS
    assert [slots.slot_at(slots.due_ns(3) + late) for late in (-1, 0, SLOT_NS - 1, SLOT_NS)] == [2, 3, 3, 4]
