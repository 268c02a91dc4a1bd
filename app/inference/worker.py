"""The inference thread, and the only place where a thread and the event loop meet.

Windows go in and frames come out through a :class:`Lane` a session. All calls of an engine's ``render``
happen on the one thread; every method of a lane is called on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool

from app.inference.engine import Engine, Job, Prepared, Window
from app.media import TalkingFrame
from app.pacer.clock import Clock, MonotonicClock

logger = logging.getLogger(__name__)

PENDING_HIGH = 75  # windows that wait for the thread: 3 s, some 25 KB each at most
PENDING_LOW = 25
IN_FLIGHT_HIGH = 8  # frames that one lane may have between the thread and Buffer A


class Lane:
    """One session's way through the worker.

    Bound: ``PENDING_HIGH`` windows. Full: :meth:`wait_for_room` blocks, which stops ingest; a ``lossy`` lane
    (a live session's) drops its oldest window instead, silent ones first, and counts it. Empty: the thread
    passes it by.
    """

    def __init__(
        self,
        worker: InferenceWorker,
        engine: Engine,
        prepared: Prepared,
        lossy: bool,
        deliver: Callable[[list[TalkingFrame]], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._worker = worker
        self.engine, self.prepared = engine, prepared
        self._lossy, self._deliver, self._fail = lossy, deliver, fail
        self._room = asyncio.Event()
        self._room.set()
        self.pending: deque[Window] = deque()
        self.in_flight = 0
        self.dropped = 0
        self.generation = 0
        self.ended = False
        self.closed = False
        # read by the thread; set by whoever owns Buffer A and the clock
        self.wanted: Callable[[], bool] = lambda: True
        self.deadline_ns: Callable[[], int] = lambda: 0

    @property
    def backlog(self) -> int:
        """Frames on their way to Buffer A."""
        return len(self.pending) + self.in_flight

    @property
    def ready(self) -> bool:
        """Whether the thread has something to do here. The worker's lock is held."""
        return bool(self.pending) and self.in_flight < IN_FLIGHT_HIGH and self.wanted()

    async def wait_for_room(self) -> None:
        """Return when a window may be submitted."""
        if not self._lossy:
            await self._room.wait()

    def submit(self, windows: Sequence[Window]) -> None:
        """Queue windows for the thread."""
        if self.closed or not windows:
            return
        now_ns = self._worker.clock.now_ns()
        for window in windows:
            window.sound.journey.queued_ns = now_ns
        with self._worker.changed:
            self.ended = False
            self.pending.extend(windows)
            while self._lossy and len(self.pending) > PENDING_HIGH:
                self._shed()
            if len(self.pending) >= PENDING_HIGH:
                self._room.clear()
            self._worker.changed.notify()

    def end(self) -> None:
        """Note that nothing more comes until the next ``submit``."""
        self.ended = True

    def interrupt(self, generation: int) -> None:
        """Discard what waits, and whatever the thread still has of an older generation when it comes."""
        with self._worker.changed:
            self.generation = generation
            self.pending.clear()
            self.in_flight = 0
            self.ended = True
        self._room.set()

    def poke(self) -> None:
        """Tell the thread that Buffer A has room again."""
        with self._worker.changed:
            self._worker.changed.notify()

    def close(self) -> None:
        """Leave the worker; nothing is delivered afterwards."""
        self.closed = True
        self.interrupt(self.generation + 1)
        self._worker.remove(self)

    def receive(self, frames: list[TalkingFrame]) -> None:
        """Take the thread's results, on the event loop."""
        current = [frame for frame in frames if frame.generation == self.generation]
        with self._worker.changed:
            self.in_flight -= len(current)
            self._worker.changed.notify()
        if len(self.pending) <= PENDING_LOW:
            self._room.set()
        if current and not self.closed:
            self._deliver(current)

    def receive_failure(self, error: BaseException) -> None:
        """Take the news that the engine failed on this lane's window, on the event loop."""
        if not self.closed:
            self._fail(error)

    def _shed(self) -> None:
        for i, window in enumerate(self.pending):
            if window.sound.silent:
                del self.pending[i]
                break
        else:
            self.pending.popleft()
        self.dropped += 1


class InferenceWorker:
    """One thread that serves every lane, the one whose next frame is due first before the others.

    ``start`` and ``close`` belong together and are idempotent. A batch holds windows of one engine, of as
    many lanes as have any, at most ``engine.max_batch``.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or MonotonicClock()
        self.changed = threading.Condition()
        self._lanes: list[Lane] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

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

    def open(
        self,
        engine: Engine,
        prepared: Prepared,
        lossy: bool,
        deliver: Callable[[list[TalkingFrame]], None],
        fail: Callable[[BaseException], None],
    ) -> Lane:
        """Add a lane; ``deliver`` and ``fail`` are called on the event loop."""
        lane = Lane(self, engine, prepared, lossy, deliver, fail)
        with self.changed:
            self._lanes.append(lane)
        return lane

    def remove(self, lane: Lane) -> None:
        """Forget a lane."""
        with self.changed:
            if lane in self._lanes:
                self._lanes.remove(lane)

    def _run(self) -> None:
        while True:
            with self.changed:
                batch = self._next_batch()
                while not batch and not self._closing:
                    self.changed.wait()
                    batch = self._next_batch()
                if self._closing:
                    return
            self._render(batch)

    def _next_batch(self) -> list[tuple[Lane, Window]]:
        """Take the most urgent windows, one a lane in turn. The lock is held."""
        ready = sorted((lane for lane in self._lanes if lane.ready), key=lambda lane: lane.deadline_ns())
        if not ready:
            return []
        engine = ready[0].engine
        lanes = [lane for lane in ready if lane.engine is engine]
        batch: list[tuple[Lane, Window]] = []
        for lane in lanes[: engine.max_batch]:
            lane.in_flight += 1
            batch.append((lane, lane.pending.popleft()))
        return batch

    def _render(self, batch: list[tuple[Lane, Window]]) -> None:
        engine = batch[0][0].engine
        begun_ns = self.clock.now_ns()
        try:
            images = engine.render([Job(lane.prepared, window) for lane, window in batch])
            assert len(images) == len(batch)
        except Exception as error:  # whatever an engine raises ends the session it served, not the thread
            if len(batch) > 1:
                for alone in batch:  # one of them is to blame; the others shall not notice
                    self._render([alone])
                return
            logger.exception("inference: an engine failed")
            self._post(batch[0][0].receive_failure, error)
            return
        drawn_ns = self.clock.now_ns()
        for (lane, window), image in zip(batch, images, strict=True):
            window.sound.journey.begun_ns, window.sound.journey.drawn_ns = begun_ns, drawn_ns
            self._post(lane.receive, [TalkingFrame.of(window.sound, image)])

    def _post(self, call: Callable[..., None], argument: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, argument)
        except RuntimeError:
            logger.info("inference: the event loop is gone, a result was dropped")
