"""How the minutes of all stages are added up."""

from __future__ import annotations

from datetime import date, timedelta

from app.cluster.usage import MOST_SITES, Usage

TODAY = date(2030, 11, 22)


def test_minutes_of_all_addresses_are_added_and_those_of_the_others() -> None:
    usage = Usage(lambda: TODAY)
    usage.note("a", TODAY, {"ann": 2.0, "bob": 1.0})
    usage.note("b", TODAY, {"ann": 3.0})
    assert usage.all() == {"ann": 5.0, "bob": 1.0}
    assert usage.elsewhere("a", ["ann", "bob", "ann"]) == {"ann": 3.0}
    assert usage.elsewhere("c", ["ann"]) == {"ann": 5.0}


def test_what_starts_anew_at_an_address_counts_on_from_what_was_known() -> None:
    usage = Usage(lambda: TODAY)
    usage.note("a", TODAY, {"ann": 2.0})
    usage.note("a", TODAY, {"ann": 1.5})  # killed before it had written the last half minute
    assert usage.all() == {"ann": 2.0}
    usage.note("a", TODAY, {"ann": 2.5})
    assert usage.all() == {"ann": 2.5}


def test_another_day_is_another_quota() -> None:
    days = [TODAY]
    usage = Usage(lambda: days[-1])
    usage.note("a", TODAY, {"ann": 2.0})
    days.append(TODAY + timedelta(days=1))
    assert usage.all() == {}
    usage.note("a", days[-1], {"ann": 0.5})
    assert usage.all() == {"ann": 0.5}


def test_what_another_one_knows_is_learned_and_counts_once() -> None:
    old, new = Usage(lambda: TODAY), Usage(lambda: TODAY)
    old.note("a", TODAY, {"ann": 2.0, "bob": 1.0})
    old.note("b", TODAY - timedelta(days=1), {"ann": 100.0})
    new.note("a", TODAY, {"ann": 3.0})
    for _ in range(2):
        new.learn(old.known())
    assert new.all() == {"ann": 3.0, "bob": 1.0}
    new.note("c", TODAY + timedelta(days=1), {"ann": 1.0})
    old.note("c", TODAY, {"ann": 5.0})
    new.learn(old.known())
    assert new.all() == {"ann": 3.0, "bob": 1.0}, "a new day has begun there"


def test_a_flood_of_addresses_is_forgotten_from_its_beginning() -> None:
    usage = Usage(lambda: TODAY)
    for number in range(MOST_SITES + 10):
        usage.note(f"site {number}", TODAY, {"ann": 1.0})
    assert usage.all() == {"ann": MOST_SITES}
