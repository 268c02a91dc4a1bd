from __future__ import annotations

import pytest

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
    assert not buffer.has_room and not calls
    buffer.pop()
    assert buffer.has_room and calls == ["room"]


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
    assert buffer.has_room and len(buffer) == 0


@pytest.mark.parametrize(("high", "low"), [(0, 0), (2, 2), (2, 3), (2, -1)])
def test_marks_that_make_no_sense_are_refused(high: int, low: int) -> None:
    with pytest.raises(ValueError, match="water marks"):
        PlayoutBuffer(high, low)
