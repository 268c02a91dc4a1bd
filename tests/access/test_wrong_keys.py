"""Who guesses keys is counted, and the count has a bound."""

from __future__ import annotations

from app.access.wrong_keys import MOST_ADDRESSES, MOST_WRONG, WINDOW_NS, WrongKeys
from app.media import NS_PER_S


def test_an_address_may_be_wrong_so_often_in_a_minute() -> None:
    wrong = WrongKeys()
    for _ in range(MOST_WRONG):
        assert not wrong.too_many("192.0.2.1", 0)
        wrong.note("192.0.2.1", 0)
    assert wrong.too_many("192.0.2.1", WINDOW_NS - 1) and not wrong.too_many("192.0.2.2", 0)
    assert not wrong.too_many("192.0.2.1", WINDOW_NS)


def test_a_site_of_ipv6_is_one_address() -> None:
    wrong = WrongKeys()
    for number in range(MOST_WRONG):
        wrong.note(f"2001:db8::{number:x}", 0)
    assert wrong.too_many("2001:db8::ffff:1", 0) and not wrong.too_many("2001:db8:0:1::1", 0)


def test_a_flood_of_addresses_is_bounded_and_says_little() -> None:
    wrong, told = WrongKeys(), 0
    for number in range(5 * MOST_ADDRESSES):
        told += wrong.note(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 0) > 0
    assert len(wrong) == MOST_ADDRESSES and told == 1


def test_a_guesser_is_told_of_at_first_at_the_limit_and_with_the_next_minute() -> None:
    wrong = WrongKeys()
    told = [wrong.note("192.0.2.1", 2 * number * NS_PER_S) for number in range(100)]  # thirty a minute
    assert [count for count in told if count] == [1, 9, 21, 9, 21, 9, 21, 9]
