"""What the directory remembers, and what it makes of silence."""

from __future__ import annotations

from app.cluster.card import Card, SessionCard
from app.cluster.directory import (
    LOST_NS,
    MOST_KEPT,
    MOST_STAGES,
    MOVING_NS,
    REVIVING_NS,
    STALE_NS,
    UNSURE_NS,
    YOUNG_NS,
    Directory,
)
from app.media import NS_PER_S
from tests.fakes import FakeClock


def card(stage: str, *sessions: str, draining: bool = False) -> Card:
    held = tuple(SessionCard(bare=bare, ref=f"{bare}.{stage}", owner="key") for bare in sessions)
    return Card(stage=stage, url=f"http://{stage}", places=8, sessions=held, draining=draining)


def grown() -> tuple[Directory, FakeClock]:
    """A directory that has heard of every stage there is."""
    clock = FakeClock()
    directory = Directory(clock)
    clock.time_ns += max(YOUNG_NS, UNSURE_NS)
    return directory, clock


def state(directory: Directory, bare: str, stage: str = "") -> str:
    return directory.find(bare, stage).state


def test_a_session_is_found_where_its_stage_says() -> None:
    directory, _ = grown()
    directory.note(card("a", "s1"))
    directory.note(card("b", "s2"))
    found = directory.find("s2", "a")
    assert (found.state, found.url, found.ref) == ("here", "http://b", "s2.b")
    assert [each.stage for each in directory.cards()] == ["a", "b"]


def test_a_session_that_no_card_names_yet_is_its_stages_to_know() -> None:
    directory, _ = grown()
    directory.note(card("a"))
    assert state(directory, "s1", "a") == "owner"
    assert state(directory, "s1", "unheard") == "gone"
    assert state(directory, "s1") == "gone"


def test_a_young_directory_trusts_a_seal() -> None:
    clock = FakeClock()
    directory = Directory(clock)
    assert state(directory, "s1", "unheard") == "owner"
    clock.time_ns += YOUNG_NS
    assert state(directory, "s1", "unheard") == "gone"


def test_a_session_that_left_a_stage_in_order_has_ended() -> None:
    directory, clock = grown()
    directory.note(card("a", "s1"))
    directory.note(card("a"))
    assert state(directory, "s1", "a") == "ended"
    clock.time_ns += 3600 * NS_PER_S
    assert directory.claim("s1", "a").state == "ended"


def test_a_session_that_leaves_a_draining_stage_moves_and_then_has_ended() -> None:
    directory, clock = grown()
    directory.note(card("a", "s1", "s2"))
    directory.note(card("a", draining=True))
    assert state(directory, "s1", "a") == "moving"
    directory.note(card("b", "s1"))
    assert directory.find("s1", "a").url == "http://b"
    clock.time_ns += MOVING_NS
    assert state(directory, "s2", "a") == "ended"


def test_a_twin_counts_more_than_what_is_left_on_a_draining_stage() -> None:
    directory, _ = grown()
    directory.note(card("b", "s1"))
    directory.note(card("a", "s1", draining=True))
    assert directory.find("s1", "a").url == "http://b"


def test_the_sessions_of_a_silent_stage_are_lost_for_a_while_then_gone() -> None:
    directory, clock = grown()
    directory.note(card("a", "s1"))
    clock.time_ns += STALE_NS
    assert state(directory, "s1", "a") == "lost"
    assert directory.cards() == []
    clock.time_ns += LOST_NS
    assert state(directory, "s1", "a") == "gone"


def test_a_stage_that_was_seen_dead_is_forgotten_at_once() -> None:
    directory, _ = grown()
    directory.note(card("a", "s1"))
    directory.leave("a", died=True)
    directory.leave("a", died=True)
    assert state(directory, "s1", "a") == "lost"


def test_a_stage_that_leaves_in_order_has_let_its_sessions_move() -> None:
    directory, _ = grown()
    directory.note(card("a", "s1"))
    directory.leave("a", died=False)
    assert state(directory, "s1", "a") == "moving"


def test_one_who_claims_a_lost_session_may_revive_it_and_others_wait() -> None:
    directory, clock = grown()
    directory.note(card("a", "s1"))
    directory.leave("a", died=True)
    assert directory.claim("s1", "a").state == "lost"
    assert directory.claim("s1", "a").state == "moving"
    assert state(directory, "s1", "a") == "moving"
    directory.give_up("s1")
    assert directory.claim("s1", "a").state == "lost"
    clock.time_ns += REVIVING_NS
    assert directory.claim("s1", "a").state == "lost"
    directory.note(card("b", "s1"))
    assert directory.claim("s1", "a").url == "http://b"


def test_a_session_that_nobody_knows_to_be_lost_is_revived_by_nobody() -> None:
    clock = FakeClock()
    directory = Directory(clock)  # another one knew that it has ended, on a stage that has left since
    clock.time_ns += YOUNG_NS
    assert directory.claim("s1", "a").state == "moving", "somebody may still tell of it"
    clock.time_ns += UNSURE_NS
    assert directory.claim("s1", "a").state == "gone"
    assert state(directory, "s1", "a") == "gone", "nobody is reviving it"


def test_a_session_that_a_front_saw_lost_may_be_revived_long_after() -> None:
    directory, clock = grown()
    directory.lose("s1", "ann", "a")
    clock.time_ns += 10 * LOST_NS
    assert state(directory, "s1", "a") == "gone"
    assert directory.claim("s1", "a").state == "lost"
    assert state(directory, "s1", "a") == "moving"
    directory.note(card("b", "s1"))
    directory.note(card("b"))
    assert directory.claim("s1", "a").state == "ended"


def test_what_a_front_saw_lost_counts_less_than_what_is_known() -> None:
    directory, _ = grown()
    directory.note(card("a", "s1", "s2"))
    directory.note(card("a", "s1"))
    directory.note(card("b", "s3"))
    for session in ("s1", "s2", "s3"):
        directory.lose(session, "key", "a")
    assert [state(directory, session, "a") for session in ("s1", "s2", "s3")] == ["lost", "ended", "here"]
    assert directory.claim("s1", "a").owner == "key"
    directory.lose("s1", "key", "a")
    assert state(directory, "s1", "a") == "moving", "somebody revives it already"


def test_whose_a_session_was_is_known_as_long_as_it_is_and_what_a_stranger_may_be_told() -> None:
    directory, clock = grown()
    directory.note(card("a", "s1", "s2"))
    directory.note(card("a", "s1"))
    found = [directory.find(session, "a") for session in ("s1", "s2", "s3")]
    assert [each.owner for each in found] == ["key", "key", None]
    assert {each.otherwise if each.owner is not None else each.state for each in found} == {"owner"}
    clock.time_ns += STALE_NS
    found = [directory.find(session, "a") for session in ("s1", "s2", "s3")]
    assert {each.otherwise if each.owner is not None else each.state for each in found} == {"gone"}


def test_a_flood_of_sessions_and_stages_stays_within_bounds() -> None:
    directory, _ = grown()
    sessions = [f"s{number}" for number in range(MOST_KEPT + 10)]
    directory.note(card("a", *sessions))
    directory.note(card("a"))
    assert state(directory, sessions[-1]) == "ended"
    assert state(directory, sessions[0]) == "gone"
    for session in sessions:
        directory.lose(f"lost {session}", "key", "b")
    assert len(directory._revivable) == len(directory._lost) == len(directory._ended) == MOST_KEPT
    for number in range(MOST_STAGES + 10):
        directory.note(card(f"stage{number:04}"))
    assert len(directory.cards()) == MOST_STAGES
