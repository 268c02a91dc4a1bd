"""What the service does now, as Prometheus reads it. No figure names a session: they come and go, series stay."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from app import __version__
from app.free_disk import FreeDisk
from app.media import NS_PER_S
from app.sessions.output_target import OutputKind
from app.sessions.outputs import OutputState
from app.sessions.service import COUNTED, Service

DEPTHS = {  # of a session's stats: how each is called, and what it is
    "buffer_a": ("frames_waiting", "Frames in Buffer A, drawn and not yet due. All sessions."),
    "buffer_b": ("slots_waiting", "Slots in Buffer B, due and not yet sent. All sessions."),
    "pending": ("windows_waiting", "Windows before the inference thread. All sessions."),
}

# counters whose names in the code would say little here
PLAIN_NAMES = {
    "gaps": "voice_gaps",
    "missed": "slots_missed",
    "unsent": "slots_unsent",
    "repeats": "picture_repeats",
}


class ServiceCollector(Collector):
    """Reads the service, and every open session's stats, when Prometheus asks. On the event loop."""

    def __init__(self, service: Service, disk: FreeDisk) -> None:
        self._service, self._disk = service, disk

    def collect(self) -> Iterable[Metric]:
        """Yield every figure."""
        yield InfoMetricFamily("lipwire_build", "What runs.", {"version": __version__})
        yield from self._people()
        yield from self._played()
        yield from self._outputs()
        yield from self._store()
        yield from self._machine()

    def _people(self) -> Iterable[Metric]:
        service = self._service
        sessions = list(service.sessions.values())
        yield _gauge("sessions", "Open sessions.", len(sessions))
        yield _gauge("sessions_limit", "Places for sessions.", service.settings.max_sessions)
        yield _gauge("sessions_speaking", "Sessions whose face speaks.", sum(each.is_speaking for each in sessions))
        yield _gauge("sessions_fed", "Sessions that somebody feeds.", sum(each.fed for each in sessions))
        yield _counter("sessions_opened", "Sessions opened so far.", service.opened)
        yield _gauge("viewers", "Viewers whose connection carries media.", sum(each.viewer_count for each in sessions))

    def _played(self) -> Iterable[Metric]:
        stats = [asdict(session.stats()) for session in self._service.sessions.values()]
        for name, (shown, about) in DEPTHS.items():
            yield _gauge(shown, about, sum(each[name] for each in stats))
        for name, about in COUNTED.items():
            total = self._service.ended[name] + sum(each[name] for each in stats)
            yield _counter(PLAIN_NAMES.get(name, name), f"{about} All sessions, ended ones too.", total)

    def _outputs(self) -> Iterable[Metric]:
        sessions = self._service.sessions.values()
        found = Counter((status.kind, status.state) for session in sessions for status in session.outputs.all())
        outputs = GaugeMetricFamily("lipwire_outputs", "Pushes to other servers.", labels=["kind", "state"])
        for kind in get_args(OutputKind):
            for state in get_args(OutputState):
                outputs.add_metric([kind, state], found[kind, state])
        yield outputs
        recordings = self._service.recordings
        yield _gauge("recordings", "Recordings that are being written.", recordings.live)
        yield _counter("recordings_failed", "Recordings that could not be written to their end.", recordings.failed)

    def _store(self) -> Iterable[Metric]:
        shared = self._service.shared
        yield _gauge("store_away", "Whether the store that nodes share cannot be used now: 1, else 0.", shared.is_away)
        yield _gauge("recordings_unsent", "Finished recordings that the store does not have yet.", shared.unsent)

    def _machine(self) -> Iterable[Metric]:
        capacity, usage, load = self._service.capacity, self._service.capacity.usage, self._service.entrance.load
        yield _gauge("load_ratio", "Load, of what may be used: from 1 on nobody is let in.", load)
        yield _gauge("cores", "Cores that this process may use.", capacity.cores)
        worked = CounterMetricFamily(
            "lipwire_work_seconds", "Processor time of each kind of work with pictures.", labels=["work"]
        )
        kinds = {"inference": usage.inference_ns, "coding": usage.coding_ns, "resting": usage.resting_ns}
        for work, spent_ns in kinds.items():
            worked.add_metric([work], spent_ns / NS_PER_S)
        yield worked
        yield _counter("pictures_coded", "Pictures coded, each once a codec.", capacity.pictures_coded)
        yield _gauge("data_free_bytes", "Free space on the disk of the data folder.", self._disk.free_bytes)
        yield _gauge("data_size_bytes", "Size of the disk of the data folder.", self._disk.size_bytes)
        yield _gauge("tasks", "Tasks on the event loop.", len(asyncio.all_tasks()))
        yield _gauge("threads", "Threads that Python knows of.", threading.active_count())


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"lipwire_{name}", about, value=value)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(f"lipwire_{name}", about, value=value)
