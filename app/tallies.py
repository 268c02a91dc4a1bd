"""What is counted in places that know no service, for ``/metrics``: the process's own, with one service in it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

MOST_VALUES = 200
OTHER = "other"


class Tally:
    """Counts by labels. ``note`` from any thread.

    Bound: ``MOST_VALUES`` different values; whatever would be one more is counted as ``other``, so that no client makes
    series.
    """

    def __init__(self, name: str, about: str, labels: Sequence[str], known: Sequence[tuple[str, ...]] = ()) -> None:
        self.name, self.about, self.labels = name, about, tuple(labels)
        self._counts: Counter[tuple[str, ...]] = Counter({values: 0 for values in known})
        self._counting = threading.Lock()

    def note(self, *values: str) -> None:
        """Count one more; a value for each label."""
        assert len(values) == len(self.labels), "a value for each label"
        with self._counting:
            if values not in self._counts and len(self._counts) >= MOST_VALUES:
                values = (OTHER,) * len(self.labels)
            self._counts[values] += 1

    def expect(self, *values: str) -> None:
        """Show a count from its beginning, at 0: what rises from nothing has no rate."""
        with self._counting:
            if len(self._counts) < MOST_VALUES:
                self._counts.setdefault(values, 0)

    def counts(self) -> dict[tuple[str, ...], int]:
        """Return them as they are now."""
        with self._counting:
            return dict(self._counts)


REFUSALS = Tally("lipwire_refusals", "Refusals told to clients, by door (http, ws) and code.", ("door", "code"))
LIMITS = Tally(
    "lipwire_limits",
    "Clients held by a limit that has no code to tell them: a connection closed or not taken.",
    ("kind",),
    [("log_lines",), ("not_reading",), ("too_slow",)],
)
LOG_LINES = Tally(
    "lipwire_log_lines", "Lines written into the log.", ("level",), [(each,) for each in ("info", "warning", "error")]
)
OUTPUT_FAILURES = Tally(
    "lipwire_output_failures", "Tries to push to another server that failed.", ("kind",), [("whip",), ("rtmp",)]
)
STORE_REQUESTS = Tally(
    "lipwire_store_requests",
    "Requests to the store that nodes share, and those of them that it did not answer as it should (away).",
    ("operation", "outcome"),
    [(each, outcome) for each in ("list", "get", "put", "delete") for outcome in ("ok", "away")],
)
