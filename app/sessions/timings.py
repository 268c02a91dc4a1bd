"""How late things happen: histograms that the whole process shares, exported on ``/metrics``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

from app.clock import Clock
from app.media import NS_PER_S, StageTimestamps

BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.2, 0.5, 1.0, 2.0)
STAGES = ("look_ahead", "queue", "inference", "buffer_a")
LOOP_CHECK_NS = NS_PER_S // 10


class Timings:
    """``pacer_lateness``: from a slot's deadline to its being served. ``loop_lag``: how much later than asked the
    event loop wakes a sleeper, sampled ten times a second. ``stages``: where the delay of what is played came from.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.pacer_lateness = self._histogram("pacer_lateness", "From a slot's deadline to its being served.")
        self.loop_lag = self._histogram("event_loop_lag", "How late the event loop wakes a sleeper.")
        self.stages = self._histogram("stage", "How long a played frame's sound was in each stage.", "stage")
        for stage in STAGES:  # seen from the beginning, at 0
            self.stages.labels(stage)

    async def watch_loop(self, clock: Clock) -> None:
        """Sample the event loop's lag until cancelled."""
        while True:
            due_ns = clock.now_ns() + LOOP_CHECK_NS
            await clock.sleep_until(due_ns)
            self.loop_lag.observe((clock.now_ns() - due_ns) / NS_PER_S)

    def note_slot(self, late_ns: int) -> None:
        """Record how late a slot was served."""
        self.pacer_lateness.observe(late_ns / NS_PER_S)

    def note_stages(self, timestamps: StageTimestamps, played_ns: int) -> None:
        """Record where a frame that is played now has spent its time since its last sample arrived."""
        stages = {
            "look_ahead": timestamps.queued_ns - timestamps.arrived_ns,
            "queue": timestamps.begun_ns - timestamps.queued_ns,
            "inference": timestamps.drawn_ns - timestamps.begun_ns,
            "buffer_a": played_ns - timestamps.drawn_ns,
        }
        for stage, ns in stages.items():
            self.stages.labels(stage).observe(ns / NS_PER_S)

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(f"lipwire_{name}_seconds", about, labels, registry=self.registry, buckets=BUCKETS_S)
