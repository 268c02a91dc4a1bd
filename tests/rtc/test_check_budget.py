"""What a peer may make us send, counted."""

from __future__ import annotations

from app.media import NS_PER_S
from app.rtc.check_budget import (
    ADDRESSES_HIGH,
    BYTES_GAINED,
    BYTES_HIGH,
    PACKETS_EACH,
    PACKETS_HIGH,
    CheckBudget,
)

CHECK_BYTES = 100


def granted(budget: CheckBudget, addresses: int, each: int, size: int = CHECK_BYTES, now_ns: int = 0) -> int:
    return sum(budget.take(("10.0.0.1", port), size, now_ns) for port in range(addresses) for _ in range(each))


def test_one_address_gets_a_few_packets() -> None:
    assert granted(CheckBudget(), 1, 50) == PACKETS_EACH


def test_many_addresses_share_a_bound_of_packets() -> None:
    budget = CheckBudget()
    assert granted(budget, 2050, 7) == PACKETS_HIGH
    assert budget.unsent == 2050 * 7 - PACKETS_HIGH


def test_large_packets_reach_the_bound_of_bytes_first() -> None:
    assert granted(CheckBudget(), 100, 3, 600) == BYTES_HIGH // 600


def test_one_a_second_is_gained_back_and_no_more_than_there_was() -> None:
    budget = CheckBudget()
    granted(budget, 2050, 1)
    assert granted(budget, 50, 1, BYTES_GAINED, 3 * NS_PER_S) == 3
    assert granted(budget, 2050, 1, CHECK_BYTES, 10_000 * NS_PER_S) == PACKETS_HIGH


def test_who_is_heard_gets_as_much_again_and_who_answers_any_number() -> None:
    budget = CheckBudget()
    granted(budget, 2050, 1)
    for port in range(5000, 5100):
        budget.note_heard(("10.0.0.1", port))
    heard = sum(budget.take(("10.0.0.1", port), CHECK_BYTES, 0) for port in range(5000, 5100) for _ in range(9))
    assert heard == PACKETS_HIGH, "a forged address gains little"
    budget.note_answered(("10.0.0.1", 7))
    assert all(budget.take(("10.0.0.1", 7), CHECK_BYTES, 0) for _ in range(1000))


def test_what_it_remembers_is_bounded() -> None:
    budget = CheckBudget()
    for port in range(10 * ADDRESSES_HIGH):
        budget.take(("10.0.0.1", port), 1, 0)
        budget.note_heard(("10.0.0.2", port))
        budget.note_answered(("10.0.0.3", port))
    sizes = len(budget._told._each), len(budget._heard_from), len(budget._answered)
    assert sizes == (ADDRESSES_HIGH, ADDRESSES_HIGH, ADDRESSES_HIGH)
