"""What a run counts, and the figures made of it."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)  # Student's t, two-sided, by degrees of freedom
NORMAL95 = 1.96


@dataclass(slots=True)
class Tally:
    """Counts of everybody since the beginning; ``counted`` of those who come after settling."""

    came: int = 0
    placed: int = 0
    refused: int = 0
    ended: int = 0
    lost: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    backs_s: list[float] = field(default_factory=list)
    crowd_s: list[float] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Look:
    """The cluster at one moment."""

    at_s: float
    sessions: int
    up: int
    places: int
    starting: int
    each: tuple[int, ...] = ()

    @property
    def spare(self) -> int:
        """Places that are free."""
        return self.places - self.sessions


def figures(tally: Tally, settle_s: float) -> dict[str, float]:
    """Return one run's figures; shares are of those who came, after settling."""
    looks = [look for look in tally.looks if look.at_s >= settle_s]
    counted, came = tally.counted, max(1, tally.counted["came"])
    sessions, places = _mean([look.sessions for look in looks]), _mean([look.places for look in looks])
    return {
        "came": counted["came"],
        "refused_first": counted["refused_first"] / came,
        "refused": counted["refused"] / came,
        "wait_p50_s": _percentile(tally.waits_s, 50),
        "wait_p99_s": _percentile(tally.waits_s, 99),
        "sessions": sessions,
        "stages": _mean([look.up for look in looks]),
        "spare": places - sessions,
        "used": sessions / max(places, 1e-9),
        "broken": counted["broken"],
        "lost": counted["lost"],
        "back_p95_s": _percentile(tally.backs_s, 95),
        "moved": counted["moved"],
        "unmoved": counted["unmoved"],
        "crowd_half_s": _percentile(tally.crowd_s, 50),
        "crowd_most_s": _percentile(tally.crowd_s, 95),
    }


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds, and the half width of its 95% interval."""

    mean: float
    within: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """Make one of independent values, by Student's t."""
        known = [value for value in values if not math.isnan(value)]
        if not known:
            return cls(math.nan, math.nan)
        if len(known) == 1:
            return cls(known[0], math.inf)
        t = T95[len(known) - 2] if len(known) - 2 < len(T95) else NORMAL95 + 2.5 / (len(known) - 1)
        return cls(statistics.fmean(known), t * statistics.stdev(known) / math.sqrt(len(known)))

    def __str__(self) -> str:
        return "-" if math.isnan(self.mean) else f"{self.mean:.4g}±{self.within:.2g}"


def over_seeds(runs: Sequence[dict[str, float]]) -> dict[str, Interval]:
    """Return each figure over all runs."""
    return {name: Interval.of([run[name] for run in runs]) for name in runs[0]}


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else math.nan


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else math.nan
