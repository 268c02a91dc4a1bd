"""A pipeline around one processor, driven step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InterruptionFrame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

DEADLINE_S = 20  # only for what never comes


class Ear(FrameProcessor):
    """Notes what passes in one direction."""

    def __init__(self, direction: FrameDirection, heard: list[Frame]) -> None:
        super().__init__(enable_direct_mode=True)
        self._direction, self._heard = direction, heard

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is self._direction and not isinstance(frame, StartFrame):
            self._heard.append(frame)
        await self.push_frame(frame, direction)


class Run:
    """``async with Run(processor) as run``: what it pushes is in ``run.down`` and ``run.up``."""

    def __init__(self, processor: FrameProcessor, *more: FrameProcessor) -> None:
        self.down: list[Frame] = []
        self.up: list[Frame] = []
        self._ears = (Ear(FrameDirection.UPSTREAM, self.up), Ear(FrameDirection.DOWNSTREAM, self.down))
        pipeline = Pipeline([self._ears[0], processor, *more, self._ears[1]])
        self.worker = PipelineWorker(pipeline, cancel_on_idle_timeout=False, enable_rtvi=False)
        self._started = asyncio.Event()

        async def started(worker: PipelineWorker, frame: Frame) -> None:
            self._started.set()

        self.worker.add_event_handler("on_pipeline_started", started)

    async def __aenter__(self) -> Run:
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self.worker)
        self._running = asyncio.ensure_future(runner.run())
        await asyncio.wait_for(self._started.wait(), DEADLINE_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._running.done():
            await self.worker.queue_frame(CancelFrame())
        await asyncio.wait_for(self._running, DEADLINE_S)

    async def send(self, *frames: Frame) -> None:
        for frame in frames:
            await self.worker.queue_frame(frame)

    async def interrupt(self) -> None:
        before = self.names(self.down).count("InterruptionFrame")
        await self.send(InterruptionFrame())
        await self.until(lambda: self.names(self.down).count("InterruptionFrame") > before)

    async def end(self) -> None:
        await self.send(EndFrame())
        await asyncio.wait_for(asyncio.shield(self._running), DEADLINE_S)

    async def until(self, met: Callable[[], object]) -> None:
        async def wait() -> None:
            while not met():
                await asyncio.sleep(0.005)

        await asyncio.wait_for(wait(), DEADLINE_S)

    def names(self, frames: list[Frame]) -> list[str]:
        return [type(frame).__name__ for frame in frames if type(frame).__name__ != "BotSpeakingFrame"]
