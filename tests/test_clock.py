from __future__ import annotations

import datetime

import pytest

from app.clock import NTP_FRACTION, Epoch, SlotClock
from app.media import NS_PER_S, SLOT_NS


def test_an_epochs_wall_clock_counts_seconds_from_1900() -> None:
    epoch, now_ns = Epoch(), 5 * NS_PER_S
    epoch.begin(now_ns + 2 * NS_PER_S, now_ns)
    since_1900 = datetime.datetime.now(datetime.UTC) - datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC)
    assert 0 <= since_1900.total_seconds() + 2 - epoch.ntp / NTP_FRACTION + 0.001 < 5
    assert epoch.slots == SlotClock(now_ns + 2 * NS_PER_S)


def test_an_epoch_is_set_once() -> None:
    epoch = Epoch()
    epoch.begin(0, 0)
    with pytest.raises(AssertionError):
        epoch.begin(1, 1)


def test_slots_are_counted_from_the_epoch() -> None:
    slots = SlotClock(1000)
    assert slots.due_ns(3) == 1000 + 3 * SLOT_NS
    assert [slots.slot_at(slots.due_ns(3) + late) for late in (-1, 0, SLOT_NS - 1, SLOT_NS)] == [2, 3, 3, 4]
