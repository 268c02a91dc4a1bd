"""Whether a figure that is read now and then stays where it is, or grows."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FEWEST = 6  # readings that a trend can be told from
MOST = 400  # readings that are compared with each other: their pairs are 80,000


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much a figure may rise before that is called growth.

    ``an_hour``: its slope. ``noise``: what it may rise over the readings in all, as it is never quite still.
    """

    an_hour: float
    noise: float


@dataclass(frozen=True, slots=True)
class Trend:
    """How a figure went over the second half of its readings; ``rise`` is the slope times that half's length."""

    first: float
    last: float
    most: float
    slope_an_hour: float
    rise: float
    verdict: Literal["flat", "growing", "too short"]


def trend_of(times_s: Sequence[float], values: Sequence[float], allowance: Allowance) -> Trend:
    """Judge readings by the median of all slopes between two of them (Theil-Sen), over their second half.

    A few outliers, such as a reading within a flood, do not move it; a figure that rises in steps does.
    """
    half = len(times_s) // 2
    stride = max(1, (len(times_s) - half) // MOST)
    points = list(zip(times_s[half::stride], values[half::stride], strict=True))
    slopes = [(v - u) / (t - s) for (s, u), (t, v) in itertools.combinations(points, 2) if t > s]
    if len(points) < FEWEST or not slopes:
        return Trend(values[0], values[-1], max(values), 0.0, 0.0, "too short")
    slope = statistics.median(slopes)
    rise = slope * (points[-1][0] - points[0][0])
    grows = slope * 3600 > allowance.an_hour and rise > allowance.noise
    verdict: Literal["flat", "growing"] = "growing" if grows else "flat"
    return Trend(values[0], values[-1], max(values), round(slope * 3600, 3), round(rise, 3), verdict)
