"""The inference thread, and the only place where a thread and the event loop meet.

Windows go in and frames come out through a :class:`GenerationStream` a session. All calls of an engine's ``render``
happen on the one thread; every method of a lane is called on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator

from starlette.concurrency import run_in_threadpool

from app.clock import Clock, MonotonicClock
from app.inference.calibration import LATER, loud_window
from app.inference.engine import Engine, Job, Prepared
from app.inference.scheduler.cost import CostKey, EngineCost
from app.inference.scheduler.stream import GenerationStream, ScheduledWindow
from app.media import I420, SLOT_NS, TalkingFrame
from app.threads import name_thread

logger = logging.getLogger(__name__)

BATCH_NS = SLOT_NS // 2  # what a batch may take: for so long may a window wait that comes just after it began
WARM_UPS, MEASURED = 2, 9  # windows, to learn what a picture costs
MEASURING_PATIENCE_NS = 25 * SLOT_NS  # for a second every session's frame is more urgent


class InferenceWorker:
    """One thread that serves every lane, earliest deadline first.

    ``start`` and ``aclose`` belong together and are idempotent. A batch holds windows of one engine and of any
    lanes, in the order in which they are due: at most ``engine.max_batch``, and no more than take ``BATCH_NS``, so
    that a clip which generates ahead never keeps a live voice waiting. It closes at once: whatever arrives while it
    runs makes up the next, so batches grow by themselves as the load does.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or MonotonicClock()
        self.cost = EngineCost()
        self.changed = threading.Condition()
        self._lanes: list[GenerationStream] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._one_measurement = asyncio.Lock()
        self.worked_ns = 0  # processor time that drawing took so far

    def start(self) -> None:
        """Start the thread; results go to the running event loop."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
            self._thread.start()

    async def aclose(self) -> None:
        """Stop the thread and wait for it, off the event loop."""
        with self.changed:
            self._closing = True
            self.changed.notify_all()
        if self._thread is not None:
            await run_in_threadpool(self._thread.join)
            self._thread = None
        for stream in list(self._lanes):
            stream.receive_failure(RuntimeError("the service is stopping"))

    def open(
        self,
        engine: Engine,
        prepared: Prepared,
        lossy: bool,
        deliver: Callable[[list[TalkingFrame]], None],
        fail: Callable[[BaseException], None],
    ) -> GenerationStream:
        """Add a lane; ``deliver`` and ``fail`` are called on the event loop."""
        stream = GenerationStream(self, engine, prepared, lossy, deliver, fail)
        with self.changed:
            self._lanes.append(stream)
        return stream

    async def measure(self, engine: Engine, prepared: Prepared) -> None:
        """Learn what an engine's pictures of an avatar cost, on the thread, one at a time; one measurement at a time.

        Where that is known already, nothing happens. An engine that fails stays unknown; its sessions will be told.
        """
        async with self._one_measurement:
            if not self.cost.knows(CostKey.of(engine, prepared)):
                await self._measure(engine, prepared)

    async def _measure(self, engine: Engine, prepared: Prepared) -> None:
        drawn = asyncio.Queue[bool]()
        stream = self.open(
            engine, prepared, False, lambda frames: drawn.put_nowait(True), lambda error: drawn.put_nowait(False)
        )
        due_ns = self.clock.now_ns() + MEASURING_PATIENCE_NS
        stream.deadline_ns = lambda: due_ns
        position = 0
        stream.position = lambda: LATER + position  # on, so that a video shows another frame each time
        try:
            for position in range(WARM_UPS + MEASURED):
                if position == WARM_UPS:
                    self.cost.forget(stream.cost_key)
                stream.submit([loud_window(engine.span)])
                if not await drawn.get():
                    self.cost.forget(stream.cost_key)
                    return
        finally:
            stream.close()

    def remove(self, stream: GenerationStream) -> None:
        """Forget a lane."""
        with self.changed:
            if stream in self._lanes:
                self._lanes.remove(stream)

    def _run(self) -> None:
        name_thread("inference")
        while True:
            with self.changed:
                batch = self._next_batch()
                while not batch and not self._closing:
                    self.changed.wait()
                    batch = self._next_batch()
                if self._closing:
                    return
            self._render(batch)

    def _next_batch(self) -> list[ScheduledWindow]:
        """Take the most urgent windows. The lock is held."""
        due = [
            (stream.deadline_ns() + (stream.in_flight + ahead) * SLOT_NS, stream)
            for stream in self._lanes
            for ahead in range(stream.free)
        ]
        due.sort(key=lambda each: each[0])
        now_ns, spent_ns = self.clock.now_ns(), 0
        batch: list[ScheduledWindow] = []
        for _, stream in due:
            if batch and (stream.engine is not batch[0].stream.engine or len(batch) == stream.engine.max_batch):
                continue
            cost_ns = self.cost.wall_ns(stream.cost_key)
            spent_ns += cost_ns
            if batch and spent_ns > BATCH_NS:
                break
            batch.append(stream.next_turn(now_ns, cost_ns))
        return batch

    def _render(self, batch: list[ScheduledWindow]) -> None:
        engine = batch[0].stream.engine
        begun_ns, worked_ns = self.clock.now_ns(), time.thread_time_ns()
        drawing = [turn for turn in batch if not turn.repeat]
        try:
            images = iter(
                engine.render([Job(turn.stream.prepared, turn.window, turn.position) for turn in drawing])
                if drawing
                else ()
            )
            frames = [(turn, self._picture_of(turn, images), self._emphasis_of(turn)) for turn in batch]
        except Exception as error:  # whatever an engine raises ends the session it served, not the thread
            if len(batch) > 1:
                for alone in batch:  # one of them is to blame; the others shall not notice
                    self._render([alone])
                return
            logger.exception("inference: an engine failed")
            self._post(batch[0].stream.receive_failure, error)
            return
        drawn_ns = self.clock.now_ns()
        worked_ns = time.thread_time_ns() - worked_ns
        self.worked_ns += worked_ns
        keys = {turn.stream.cost_key for turn in drawing}
        if len(keys) == 1 and not any(turn.window.sound.silent for turn in drawing):  # else nobody knows who took what
            self.cost.note(keys.pop(), len(drawing), drawn_ns - begun_ns, worked_ns, drawn_ns)
        for turn, image, emphasis in frames:
            timestamps = turn.window.sound.timestamps
            timestamps.begun_ns, timestamps.drawn_ns = begun_ns, drawn_ns
            self._post(turn.stream.receive, [TalkingFrame.of(turn.window.sound, image, emphasis)])

    @staticmethod
    def _picture_of(turn: ScheduledWindow, drawn: Iterator[I420]) -> I420:
        image = turn.stream.last_image if turn.repeat else next(drawn)
        # an interrupt may have come meanwhile: then there is no last picture, and nobody will see this one
        image = turn.stream.prepared.idle_frame(turn.position) if image is None else image
        if turn.window.sound.generation == turn.stream.generation:
            turn.stream.last_image = image
        return image

    @staticmethod
    def _emphasis_of(turn: ScheduledWindow) -> float:
        idle_motion = turn.stream.prepared.idle_motion
        return idle_motion.emphasis(turn.window) if idle_motion else 0.0

    def _post(self, call: Callable[..., None], argument: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, argument)
        except RuntimeError:
            logger.info("inference: the event loop is gone, a result was dropped")
