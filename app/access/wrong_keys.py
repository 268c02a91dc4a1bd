"""Who tried keys that do not exist, so that nobody guesses one, or floods the log by trying."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from app.media import NS_PER_S
from app.peer_address import address_of

WINDOW_NS = 60 * NS_PER_S
MOST_WRONG = 10  # of one address in a window
MOST_ADDRESSES = 1024
LINE_EVERY_NS = NS_PER_S  # of all addresses together


@dataclass(slots=True)
class _Tries:
    since_ns: int
    wrong: int = 0
    untold: int = 0


class WrongKeys:
    """Counts wrong keys by address. On the event loop; never reads a clock.

    Bound: ``MOST_ADDRESSES``; full: the one whose last try is longest ago is forgotten.
    """

    def __init__(self) -> None:
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._told_ns: int | None = None

    def __len__(self) -> int:
        return len(self._tries)

    def too_many(self, address: str, now_ns: int) -> bool:
        """Tell whether an address has tried enough for now."""
        tries = self._tries.get(address_of(address))
        return tries is not None and now_ns - tries.since_ns < WINDOW_NS and tries.wrong >= MOST_WRONG

    def note(self, address: str, now_ns: int) -> int:
        """Count one; returns how many of this address are to be told now, 0 where it is too soon after the last."""
        site = address_of(address)
        tries = self._tries.pop(site, None)
        if tries is None:
            tries = _Tries(now_ns)
        elif now_ns - tries.since_ns >= WINDOW_NS:
            tries = _Tries(now_ns, untold=tries.untold)
        self._tries[site] = tries
        while len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)
        tries.wrong += 1
        tries.untold += 1
        is_news = tries.wrong in (1, MOST_WRONG)
        if not is_news or (self._told_ns is not None and now_ns - self._told_ns < LINE_EVERY_NS):
            return 0
        self._told_ns, told, tries.untold = now_ns, tries.untold, 0
        return told
