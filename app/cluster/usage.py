"""How many minutes of sessions keys have used today, on all stages together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from app.cluster.card import Card

MOST_SITES = 1000


@dataclass(frozen=True, slots=True)
class Counted:
    """The minutes of each key at an address, on one day."""

    day: date
    minutes: Mapping[str, float]


def site_of(card: Card) -> str:
    """Return the address at which a stage counts."""
    return card.inner or card.url


class Usage:
    """Adds up what stages have counted, each at its address, whose data folder keeps it.

    A stage that has left had its minutes all the same, and one that starts at its address goes on from there.

    Bound: ``MOST_SITES`` addresses; full: the one that was heard longest ago is forgotten.
    """

    def __init__(self, today: Callable[[], date]) -> None:
        """``today``: the day (UTC)."""
        self._today = today
        self._at: dict[str, Counted] = {}

    def note(self, site: str, day: date, minutes: Mapping[str, float]) -> None:
        """Take what the stage at an address says of a day; less than it said before is a loss of its own."""
        known = self._at.pop(site, None)
        before = known.minutes if known is not None and known.day == day else {}
        more = {key: max(used, before.get(key, 0.0)) for key, used in minutes.items()}
        self._at[site] = Counted(day, {**before, **more})
        if len(self._at) > MOST_SITES:
            del self._at[next(iter(self._at))]

    def note_card(self, card: Card) -> None:
        """Take what a stage says of itself."""
        self.note(site_of(card), datetime.fromtimestamp(card.at, UTC).date(), card.minutes)

    def known(self) -> dict[str, Counted]:
        """Return what counts today, by address."""
        today = self._today()
        return {site: counted for site, counted in self._at.items() if counted.day == today}

    def learn(self, known: Mapping[str, Counted]) -> None:
        """Take what another one knows; again is fine."""
        for site, counted in known.items():
            own = self._at.get(site)
            if own is None or own.day <= counted.day:
                self.note(site, counted.day, counted.minutes)

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
