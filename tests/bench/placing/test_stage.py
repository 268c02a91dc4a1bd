from __future__ import annotations

from bench.placing.routing import QueueLengths
from bench.placing.stage import Answer, Session, Stage


def filled(places: int, limit: int, cache: QueueLengths) -> tuple[Stage, list[Session]]:
    stage, sessions = Stage(places, limit), [Session(100.0) for _ in range(places)]
    assert [stage.take(each, cache, 0.0) for each in sessions] == [Answer.MADE] * places
    return stage, sessions


def test_a_full_stage_is_full_by_serves_count() -> None:
    cache = QueueLengths(10)
    stage, sessions = filled(3, 3, cache)
    assert stage.take(Session(1.0), cache, 0.0) is Answer.SERVE_FULL
    stage.leave(sessions[0], 1.0)
    assert cache.get(stage, 1.0) == stage.ongoing == 2
    assert stage.take(Session(1.0), cache, 1.0) is Answer.MADE


def test_after_a_front_died_calls_that_are_refused_stand_in_until_the_counts_are_right_again() -> None:
    dead, alive = QueueLengths(10), QueueLengths(10)
    stage, sessions = filled(3, 3, dead)
    stage.forget_front(dead)
    assert (stage.ongoing, stage.orphans, len(stage.sessions)) == (0, 3, 3)
    assert [stage.take(Session(1.0), alive, 0.0) for _ in range(4)] == [Answer.FULL] * 3 + [Answer.SERVE_FULL]
    assert stage.ongoing == 3
    stage.leave(sessions[0], 1.0)  # the orphan's stand-in ends with it
    assert (stage.ongoing, stage.orphans, len(stage.stand_ins)) == (2, 2, 2)
    assert stage.take(Session(1.0), alive, 1.0) is Answer.MADE


def test_a_stage_never_has_more_than_its_places_whatever_serve_believes() -> None:
    cache = QueueLengths(10)
    stage, _ = filled(3, 16, cache)
    assert [stage.take(Session(1.0), cache, 0.0) for _ in range(20)] == [Answer.FULL] * 20
    assert len(stage.sessions) == stage.ongoing == 3  # who is refused without an orphan to stand in for holds nothing


def test_a_draining_and_a_dead_stage_take_nobody() -> None:
    cache = QueueLengths(10)
    stage = Stage(3, 3, draining=True)
    assert stage.take(Session(1.0), cache, 0.0) is Answer.SERVE_FULL
    stage.alive = False
    assert stage.take(Session(1.0), cache, 0.0) is Answer.DEAD
