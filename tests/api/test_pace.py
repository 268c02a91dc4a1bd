from __future__ import annotations

from app.api.pace import AddressAllowances, Allowance, Rate, Share


def taken(share: Allowance | Share, seconds: float, step_s: float = 0.01) -> int:
    """Take a token whenever there is one; returns how many."""
    count = 0
    for step in range(int(seconds / step_s)):
        while not share.wait_s(step * step_s):
            share.take(1, step * step_s)
            count += 1
    return count


def test_tokens_come_back_at_their_rate() -> None:
    assert abs(taken(Allowance(Rate(100, 40), 0.0), 10) - 1040) < 3


def test_what_was_not_used_does_not_pile_up() -> None:
    allowance = Allowance(Rate(100, 40), 0.0)
    assert allowance.left(1000.0) == 40


def test_nothing_is_too_dear_but_it_is_paid_for() -> None:
    allowance = Allowance(Rate(10, 20), 0.0)
    allowance.take(120, 0.0)
    assert allowance.wait_s(0.0) == 10.1
    assert allowance.wait_s(10.1) == 0


def test_nobody_can_use_up_what_is_anothers_own() -> None:
    common = Allowance(Rate(50, 100), 0.0)
    greedy, modest = Share(Allowance(Rate(10, 10), 0.0), common), Share(Allowance(Rate(10, 10), 0.0), common)
    assert taken(greedy, 10) > 600, "the rest is there for who wants it"
    assert not modest.wait_s(0.0)
    assert taken(modest, 10) >= 105


def test_addresses_are_remembered_up_to_a_bound() -> None:
    allowances = AddressAllowances(Rate(1, 1), 100)
    for number in range(1000):
        allowances.of(str(number), 0.0).take(1, 0.0)
    assert len(allowances) == 100
    assert allowances.of("999", 0.0).wait_s(0.0) == 1
