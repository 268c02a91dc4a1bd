"""``/metrics`` in Prometheus' format: sessions are read at the moment of asking, timings as they happen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import asdict

from prometheus_client import CONTENT_TYPE_LATEST as METRICS_TYPE
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.sessions.service import COUNTED, Service

__all__ = ["METRICS_TYPE", "render_metrics"]

GAUGES = {
    "buffer_a": "Frames in Buffer A.",
    "buffer_b": "Slots in Buffer B.",
    "pending": "Windows before the inference thread.",
}

# counters whose names in the code would say little here
PLAIN_NAMES = {
    "gaps": "voice_gaps",
    "missed": "slots_missed",
    "unsent": "slots_unsent",
    "repeats": "picture_repeats",
}


class SessionCollector(Collector):
    """Reads every open session's stats when Prometheus asks."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """Yield each figure once a session, and its sum; counters' sums include sessions that have ended."""
        sessions = {session.id: asdict(session.stats()) for session in self._service.sessions.values()}
        yield GaugeMetricFamily("lipwire_sessions", "Open sessions.", value=len(sessions))
        yield GaugeMetricFamily("lipwire_tasks", "Tasks of the event loop.", value=len(asyncio.all_tasks()))
        for name, about in GAUGES.items():
            each = GaugeMetricFamily(f"lipwire_session_{name}", about, labels=["session"])
            for id, stats in sessions.items():
                each.add_metric([id], stats[name])
            yield each
            total = sum(stats[name] for stats in sessions.values())
            yield GaugeMetricFamily(f"lipwire_{name}", f"{about} All sessions.", value=total)
        for name, about in COUNTED.items():
            shown = PLAIN_NAMES.get(name, name)
            counter = CounterMetricFamily(f"lipwire_session_{shown}", about, labels=["session"])
            for id, stats in sessions.items():
                counter.add_metric([id], stats[name])
            yield counter
            total = self._service.ended[name] + sum(stats[name] for stats in sessions.values())
            yield CounterMetricFamily(f"lipwire_{shown}", f"{about} All sessions, ended ones too.", value=total)


def render_metrics(service: Service) -> bytes:
    """Return the page."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SessionCollector(service))
    return generate_latest(registry) + generate_latest(service.timings.registry)
