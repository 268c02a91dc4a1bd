"""Measures what an engine's pictures of an avatar cost, before anybody waits for them."""

from __future__ import annotations

import asyncio

from app.inference.calibration import LATER, loud_window
from app.inference.engine import Engine, Prepared
from app.inference.scheduler.cost import CostKey
from app.inference.scheduler.demand import Demand
from app.inference.scheduler.worker import InferenceWorker
from app.media import SLOT_NS, TalkingFrame

WARM_UPS, MEASURED = 2, 9  # windows
PATIENCE_NS = 25 * SLOT_NS  # for a second every session's frame is more urgent


class CostMeter:
    """Draws on the thread, one window at a time and one measurement at a time; the worker's ``cost`` learns from it."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker
        self._one_measurement = asyncio.Lock()

    async def measure(self, engine: Engine, prepared: Prepared) -> None:
        """Learn a cost that is not known yet. An engine that fails stays unknown; its sessions are told."""
        async with self._one_measurement:
            if not self._worker.cost.knows(CostKey.of(engine, prepared)):
                await self._measure(engine, prepared)

    async def _measure(self, engine: Engine, prepared: Prepared) -> None:
        sink = _Sink(self._worker.clock.now_ns() + PATIENCE_NS)
        stream = self._worker.open(engine, prepared, False, sink, patient=True)
        try:
            for number in range(WARM_UPS + MEASURED):
                if number == WARM_UPS:
                    self._worker.cost.forget(stream.cost_key)
                stream.submit([loud_window(engine.span)])
                if not await sink.drawn.get():
                    self._worker.cost.forget(stream.cost_key)
                    return
        finally:
            stream.close()


class _Sink:
    """Throws frames away. Each is drawn one position later, so that a video shows another frame each time."""

    def __init__(self, due_ns: int) -> None:
        self.demand = Demand(due_ns, LATER)
        self.drawn: asyncio.Queue[bool] = asyncio.Queue()

    def put(self, frames: list[TalkingFrame]) -> None:
        assert self.demand.head_due_ns is not None
        self.demand = Demand(self.demand.head_due_ns, self.demand.head_position + 1)
        self.drawn.put_nowait(True)

    def replace(self, frame: TalkingFrame) -> None:
        pass

    def fail(self, error: BaseException) -> None:
        self.drawn.put_nowait(False)
