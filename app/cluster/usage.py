"""How many minutes of sessions keys have used today, on all stages together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

MOST_SITES = 1000


@dataclass
class _Counted:
    day: date
    minutes: dict[str, float] = field(default_factory=dict)


class Usage:
    """Adds up what stages have counted, each at its address, whose data folder keeps it.

    A stage that has left had its minutes all the same, and one that starts at its address goes on from there.

    Bound: ``MOST_SITES`` addresses; full: the one that was heard longest ago is forgotten.
    """

    def __init__(self, today: Callable[[], date]) -> None:
        """``today``: the day (UTC)."""
        self._today = today
        self._at: dict[str, _Counted] = {}

    def note(self, site: str, day: date, minutes: Mapping[str, float]) -> None:
        """Take what the stage at an address says of a day; less than it said before is a loss of its own."""
        counted = self._at.pop(site, None)
        if counted is None or counted.day != day:
            counted = _Counted(day)
        for key, used in minutes.items():
            counted.minutes[key] = max(used, counted.minutes.get(key, 0.0))
        self._at[site] = counted
        if len(self._at) > MOST_SITES:
            del self._at[next(iter(self._at))]

    def all(self) -> dict[str, float]:
        """Return the minutes of each key."""
        return self._sum(self._at)

    def elsewhere(self, site: str, keys: Iterable[str]) -> dict[str, float]:
        """Return the minutes that these keys have used at other addresses."""
        found = self._sum(each for each in self._at if each != site)
        return {key: found[key] for key in set(keys) if key in found}

    def _sum(self, sites: Iterable[str]) -> dict[str, float]:
        today, total = self._today(), defaultdict[str, float](float)
        for site in sites:
            counted = self._at[site]
            for key, used in counted.minutes.items() if counted.day == today else ():
                total[key] += used
        return dict(total)
