from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from bench.placing.routing import QueueLengths, choose, wait_s


@dataclass(eq=False)
class Busy:
    """A stage with so many requests."""

    ongoing: int


DICE = random.Random(1)


def test_the_shorter_of_two_is_taken() -> None:
    short, long = Busy(2), Busy(5)
    lengths = QueueLengths(10)
    assert all(choose([short, long], lengths, 8, 0.0, DICE) is short for _ in range(20))


def test_full_ones_are_asked_again_and_nobody_is_taken_where_all_are_full() -> None:
    first, second = Busy(8), Busy(8)
    lengths = QueueLengths(10)
    assert choose([first, second], lengths, 8, 0.0, DICE) is None
    second.ongoing = 7
    assert choose([first, second], lengths, 8, 0.1, DICE) is second


def test_a_known_length_is_preferred_to_one_that_must_be_asked_for() -> None:
    known, forgotten = Busy(6), Busy(0)
    lengths = QueueLengths(10)
    lengths.note(forgotten, 0, 0.0)
    lengths.note(known, 6, 5.0)
    assert choose([known, forgotten], lengths, 8, 10.5, DICE) is known  # the better one's entry is too old
    assert choose([known, forgotten], lengths, 8, 10.6, DICE) is forgotten  # it was asked for meanwhile


def test_a_stale_length_sends_callers_to_a_stage_that_is_longer_than_it_was() -> None:
    grown, other = Busy(0), Busy(1)
    lengths = QueueLengths(10)
    lengths.note(grown, 0, 0.0)
    lengths.note(other, 1, 0.0)
    grown.ongoing = 7  # by another front, of which this one knows nothing
    assert choose([grown, other], lengths, 8, 1.0, DICE) is grown


def test_of_many_all_are_used() -> None:
    stages = [Busy(0) for _ in range(10)]
    lengths = QueueLengths(10)
    chosen = Counter(stages.index(choose(stages, lengths, 8, 0.0, DICE) or stages[0]) for _ in range(500))
    assert len(chosen) == 10


def test_waits_grow_to_half_a_second() -> None:
    assert [wait_s(attempt) for attempt in range(8)] == [0, 0.025, 0.05, 0.1, 0.2, 0.4, 0.5, 0.5]
    assert wait_s(10_000) == 0.5


def test_a_front_remembers_no_stage_that_is_gone() -> None:
    lengths, stage = QueueLengths(10), Busy(3)
    lengths.note(stage, 3, 0.0)
    lengths.forget(stage)
    assert lengths.get(stage, 0.0) is None
