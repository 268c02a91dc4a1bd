"""How fast a client may do what costs us time: tokens that run out and come back. Pure; the time is passed in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many tokens a second, and so many at once."""

    per_s: float
    at_once: float


class Allowance:
    """Tokens. One that has any left may take as many as it needs, and is in debt then: nothing is ever too dear."""

    def __init__(self, rate: Rate, now_s: float) -> None:
        self._rate, self._left, self._counted_s = rate, rate.at_once, now_s

    def left(self, now_s: float) -> float:
        """Return how many there are."""
        self._left = min(self._rate.at_once, self._left + self._rate.per_s * max(0.0, now_s - self._counted_s))
        self._counted_s = now_s
        return self._left

    def wait_s(self, now_s: float) -> float:
        """Return for how long there is none."""
        return max(0.0, (1 - self.left(now_s)) / self._rate.per_s)

    def take(self, tokens: float, now_s: float) -> None:
        """Use some."""
        self._left = self.left(now_s) - tokens

    def is_full(self, now_s: float) -> bool:
        """Whether nothing of it has been used of late."""
        return self.left(now_s) >= self._rate.at_once


class Share:
    """An allowance of one's own, which nobody else can use up, and behind it one that all have in common."""

    def __init__(self, own: Allowance, common: Allowance) -> None:
        self._own, self._common = own, common

    def wait_s(self, now_s: float) -> float:
        """Return for how long there is nothing."""
        return min(self._own.wait_s(now_s), self._common.wait_s(now_s))

    def take(self, tokens: float, now_s: float) -> None:
        """Use some: one's own first."""
        (self._own if not self._own.wait_s(now_s) else self._common).take(tokens, now_s)


class AddressAllowances:
    """An allowance for each address.

    Bound: ``most`` addresses; full: the one that was heard least lately is forgotten, and begins anew.
    """

    def __init__(self, rate: Rate, most: int) -> None:
        self._rate, self._most = rate, most
        self._of: OrderedDict[str, Allowance] = OrderedDict()

    def __len__(self) -> int:
        return len(self._of)

    def of(self, address: str, now_s: float) -> Allowance:
        """Return an address's."""
        found = self._of.get(address)
        if found is None:
            found = self._of[address] = Allowance(self._rate, now_s)
            if len(self._of) > self._most:
                self._of.popitem(last=False)
        self._of.move_to_end(address)
        return found
