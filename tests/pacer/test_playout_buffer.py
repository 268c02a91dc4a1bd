from __future__ import annotations

from dataclasses import replace

import pytest

from app.media import SLOT_NS
from app.pacer.playout_buffer import PlayoutBuffer
from tests.fakes import frame


def test_room_ends_at_the_high_mark_and_returns_at_the_low_one() -> None:
    calls: list[str] = []
    buffer = PlayoutBuffer(high=4, low=2, on_room=lambda: calls.append("room"))
    for number in range(4):
        assert buffer.has_room
        buffer.put(frame(number))
    assert not buffer.has_room
    buffer.pop()
    buffer.plan(0, 1, True)
    assert not buffer.has_room and not calls
    buffer.pop()
    assert not calls, "nobody is told of half a change"
    buffer.plan(SLOT_NS, 2, True)
    assert buffer.has_room and calls == ["room"]


def test_the_demand_is_for_the_frame_behind_those_that_wait() -> None:
    buffer = PlayoutBuffer(high=4, low=2)
    assert buffer.demand.due_ns(now_ns=7) == 7, "before playout begins, at once"
    buffer.put(frame(0))
    assert buffer.demand.due_ns(now_ns=7) == 7 + SLOT_NS
    buffer.plan(head_due_ns=100, head_position=30, playing=True)
    before = buffer.demand
    assert (before.due_ns(now_ns=7), before.position, before.playing) == (100 + SLOT_NS, 31, True)
    buffer.pop()
    assert buffer.demand is before, "who pops has not said yet when the next one is due"
    buffer.plan(head_due_ns=100 + SLOT_NS, head_position=31, playing=True)
    assert (buffer.demand.due_ns(now_ns=7), buffer.demand.position) == (100 + SLOT_NS, 31)


def test_frames_leave_in_the_order_they_came() -> None:
    buffer = PlayoutBuffer(high=4, low=2)
    for number in range(3):
        buffer.put(frame(number))
    assert [buffer.pop().pts for _ in range(3)] == [0, 1, 2]
    assert buffer.head is None


def test_clear_discards_everything_and_makes_room() -> None:
    buffer = PlayoutBuffer(high=2, low=0)
    buffer.put(frame(0))
    buffer.put(frame(1))
    assert buffer.clear() == 2
    buffer.plan(None, 0, False)
    assert buffer.has_room and len(buffer) == 0


@pytest.mark.parametrize(("high", "low"), [(0, 0), (2, 2), (2, 3), (2, -1)])
def test_marks_that_make_no_sense_are_refused(high: int, low: int) -> None:
    with pytest.raises(ValueError, match="water marks"):
        PlayoutBuffer(high, low)


def test_a_picture_is_drawn_anew_in_its_place_alone() -> None:
    buffer = PlayoutBuffer(high=4, low=2)
    for number in range(3):
        buffer.put(frame(number))
    buffer.redraw(replace(frame(1), image=frame(77).image))
    buffer.redraw(replace(frame(2, generation=1), image=frame(77).image))
    buffer.redraw(frame(9))
    assert len(buffer) == 3
    shown = [buffer.pop() for _ in range(3)]
    assert [int(each.image[0, 0]) for each in shown] == [0, 77, 2], "another generation's is not its"
    assert [int(each.audio[0]) for each in shown] == [1, 2, 3]
