"""How fast stages come and go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that there must be too few stages, or too many, before there are more or fewer.

    ``look_back_s``: of which the mean counts; more than Serve waits between two counts, which is 10 s where
    ``count_s`` is not said to its processes. ``front_cores``: what Ray counts for a front.
    """

    up_s: float = 5.0
    down_s: float = 120.0
    look_back_s: float = 15.0
    count_s: float = 2.0
    front_cores: float = 0.2
