"""How long to wait before trying again."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

FIRST_S = 0.1
LONGEST_S = 2.0


def delays_s(first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> Iterator[float]:
    """Yield delays without end, each twice the one before, with chance in it, so that many do not come at once."""
    for attempt in itertools.count():
        yield min(first_s * 2.0 ** min(attempt, 30), longest_s) * random.uniform(0.5, 1.5)
