"""What is counted for the whole process, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from app.tallies import LIMITS, LOG_LINES, OUTPUT_FAILURES, REFUSALS, STORE_REQUESTS

TALLIES = (REFUSALS, LIMITS, OUTPUT_FAILURES, LOG_LINES, STORE_REQUESTS)


class TallyCollector(Collector):
    """Reads the tallies when Prometheus asks."""

    def collect(self) -> Iterable[Metric]:
        """Yield a counter each."""
        for tally in TALLIES:
            counter = CounterMetricFamily(tally.name, tally.about, labels=tally.labels)
            for values, count in tally.counts().items():
                counter.add_metric(values, count)
            yield counter
