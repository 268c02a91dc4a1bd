"""The inference thread, and the only place where a thread and the event loop meet.

Windows go in and frames come out through a :class:`GenerationStream` a session. All calls of an engine's ``render``
happen on the one thread; every method of a stream is called on the event loop, but for those that say so.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator

from app.clock import Clock, MonotonicClock
from app.inference.engine import Engine, Job, Prepared
from app.inference.scheduler.cost import EngineCost
from app.inference.scheduler.demand import FrameSink
from app.inference.scheduler.stream import GenerationStream, ScheduledWindow
from app.media import I420, SLOT_NS, TalkingFrame
from app.threads import name_thread

logger = logging.getLogger(__name__)

BATCH_NS = SLOT_NS // 2  # that a batch may take: a window that comes just after its start waits that long


class InferenceWorker:
    """One thread that serves every stream, earliest deadline first.

    ``start`` and ``aclose`` belong together and are idempotent. A batch holds windows of one engine and of any
    streams, in the order in which they are due: at most ``engine.max_batch``, and no more than take ``BATCH_NS``, so
    that a clip which generates ahead never keeps a live voice waiting. It closes at once: whatever arrives while it
    runs makes up the next, so batches grow by themselves as the load does.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or MonotonicClock()
        self.cost = EngineCost()
        self._changed = threading.Condition()
        self._streams: list[GenerationStream] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self.worked_ns = 0  # processor time that drawing took so far

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread; results go to the running event loop."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
            self._thread.start()

    async def aclose(self) -> None:
        """Stop the thread and wait for it, off the event loop."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        for stream in list(self._streams):
            stream.receive_failure(RuntimeError("the service is stopping"))

    def open(self, engine: Engine, prepared: Prepared, lossy: bool, sink: FrameSink) -> GenerationStream:
        """Add a stream, until it is closed; ``sink`` takes its frames, on the event loop."""
        stream = GenerationStream(engine, prepared, sink, lossy, self.clock, self._changed)
        with self._changed:
            self._streams.append(stream)
        return stream

    def wake(self) -> None:
        """Tell the thread that a sink has room again."""
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        name_thread("inference")
        while True:
            with self._changed:
                batch = self._next_batch()
                while not batch and not self._closing:
                    self._changed.wait()
                    batch = self._next_batch()
                if self._closing:
                    return
            self._render(batch)

    def _next_batch(self) -> list[ScheduledWindow]:
        """Take the most urgent windows. The lock is held."""
        self._streams = [stream for stream in self._streams if not stream.closed]
        now_ns, spent_ns = self.clock.now_ns(), 0
        demands = [(stream, stream.sink.demand) for stream in self._streams]
        due = [
            (demand.due_ns(now_ns) + (stream.in_flight + ahead) * SLOT_NS, stream, demand)
            for stream, demand in demands
            for ahead in range(stream.free(demand))
        ]
        due.sort(key=lambda each: each[0])
        batch: list[ScheduledWindow] = []
        for _, stream, demand in due:
            if batch and (stream.engine is not batch[0].stream.engine or len(batch) == stream.engine.max_batch):
                continue
            cost_ns = self.cost.wall_ns(stream.cost_key)
            spent_ns += cost_ns
            if batch and spent_ns > BATCH_NS:
                break
            batch.append(stream.take(demand, now_ns, cost_ns))
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
