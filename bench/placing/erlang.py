"""Erlang's loss formula: what a number of places refuses, and how many are needed. Lengths may be of any kind."""

from __future__ import annotations

from collections.abc import Callable


def refused_share(places: int, offered: float) -> float:
    """Return the share that finds all places taken (Erlang B), by its recursion over places."""
    share = 1.0
    for place in range(1, places + 1):
        share = offered * share / (place + offered * share)
    return share


def places_needed(offered: float, most_refused: float) -> int:
    """Return the fewest places that refuse no larger share."""
    return _first(lambda places: refused_share(places, offered) <= most_refused, places=max(1, int(offered / 2)))


def _first(enough: Callable[[int], bool], places: int) -> int:
    low, high = 0, places
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
