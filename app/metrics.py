"""``/metrics`` in Prometheus' format, read from the sessions at the moment of asking."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CONTENT_TYPE_LATEST as METRICS_TYPE
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.service import Service

__all__ = ["METRICS_TYPE", "render_metrics"]

GAUGES = {
    "buffer_a": "Frames in Buffer A.",
    "buffer_b": "Slots in Buffer B.",
    "pending": "Windows before the inference thread.",
}
COUNTERS = {
    "slots": "Slots of playout served.",
    "holds": "Slots that showed the idle picture.",
    "underruns": "Holds that cut into playing.",
    "drops": "Frames dropped to catch up.",
    "missed": "Slots that passed while the event loop was stuck.",
}


class SessionCollector(Collector):
    """Reads every open session's stats when Prometheus asks."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics, one sample a session."""
        sessions = [(session.id, session.stats()) for session in self._service.sessions.values()]
        yield GaugeMetricFamily("lipwire_sessions", "Open sessions.", value=len(sessions))
        kinds = ((GaugeMetricFamily, GAUGES), (CounterMetricFamily, COUNTERS))
        for make, table in kinds:
            for name, about in table.items():
                family = make(f"lipwire_session_{name}", about, labels=["session"])
                for id, stats in sessions:
                    family.add_metric([id], stats[name])
                yield family


def render_metrics(service: Service) -> bytes:
    """Return the page."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SessionCollector(service))
    return generate_latest(registry)
