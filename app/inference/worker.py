"""The inference thread, and the only place where a thread and the event loop meet.

Windows go in and frames come out through a :class:`Lane` a session. All calls of an engine's ``render``
happen on the one thread; every method of a lane is called on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from app.inference.cost import EngineCost
from app.inference.engine import Engine, Job, Prepared, Window
from app.inference.windows import loud_window
from app.media import SLOT_NS, Image, TalkingFrame
from app.pacer.clock import Clock, MonotonicClock

logger = logging.getLogger(__name__)

PENDING_HIGH = 75  # windows that wait for the thread: 3 s, some 25 KB each at most
PENDING_LOW = 25
IN_FLIGHT_HIGH = 8  # frames that one lane may have between the thread and Buffer A
BATCH_NS = SLOT_NS // 2  # what a batch may take: for so long may a window wait that comes just after it began
BEHIND = 3  # windows of a live lane that wait: its engine may be slower than its voice
MEASURED = 5  # windows, to learn what an engine costs
MEASURING_DEADLINE_NS = 100 * SLOT_NS  # every session's frame is more urgent
MARGIN = 2  # pictures' time: who has less before a deadline will miss it


@dataclass(slots=True)
class Turn:
    """One window's turn on the thread.

    ``repeat``: with the lane's last picture, as there is no time for another. ``position``: see :class:`Job`.
    """

    lane: Lane
    window: Window
    repeat: bool
    position: int


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
        self.repeated = 0
        self.last_image: Image | None = None
        self.generation = 0
        self.ended = False
        self.closed = False
        # read by the thread; set by whoever owns Buffer A and the clock
        self.wanted: Callable[[], bool] = lambda: True
        self.playing: Callable[[], bool] = lambda: False
        self.position: Callable[[], int] = lambda: 0
        self.deadline_ns: Callable[[], int] = lambda: 0

    @property
    def backlog(self) -> int:
        """Frames on their way to Buffer A."""
        return len(self.pending) + self.in_flight

    @property
    def ready(self) -> bool:
        """Whether the thread has something to do here. The worker's lock is held."""
        return bool(self.pending) and self.in_flight < IN_FLIGHT_HIGH and self.wanted()

    @property
    def free(self) -> int:
        """How many windows the thread may take now. The worker's lock is held."""
        return min(len(self.pending), IN_FLIGHT_HIGH - self.in_flight) if self.wanted() else 0

    def next_turn(self, now_ns: int, cost_ns: int) -> Turn:
        """Take the next window. The worker's lock is held.

        Where the engine cannot keep up, a picture is shown twice rather than a voice cut: when the picture would come
        after its time, and in ``live``, where a steady voice is always that close to it, when windows pile up too.
        """
        left_ns = self.deadline_ns() + self.in_flight * SLOT_NS - now_ns
        late = left_ns < MARGIN * cost_ns and (not self._lossy or len(self.pending) >= BEHIND)
        repeat = late and self.playing() and self.last_image is not None
        position = self.position() + self.in_flight
        self.in_flight += 1
        self.repeated += repeat
        return Turn(self, self.pending.popleft(), repeat, position)

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
            self.last_image = None
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

    def load(self, *joining: Engine) -> float:
        """Return the share of the thread's time that all lanes need at 25 frames a second, 1 being all of it.

        ``joining``: engines of sessions that are not open yet.
        """
        engines = [lane.engine for lane in self._lanes] + list(joining)
        return sum(self.cost.frame_ns(engine) for engine in engines) / SLOT_NS

    async def measure(self, engine: Engine, prepared: Prepared) -> None:
        """Learn what an engine costs before the first session needs to know: after the others, on the thread.

        One that fails stays unknown; its sessions will be told.
        """
        drawn = asyncio.Queue[bool]()
        lane = self.open(
            engine, prepared, False, lambda frames: drawn.put_nowait(True), lambda error: drawn.put_nowait(False)
        )
        lane.deadline_ns = lambda: self.clock.now_ns() + MEASURING_DEADLINE_NS
        try:
            for _ in range(2):  # the first run warms up
                self.cost.forget(engine)
                windows = [loud_window(engine.span) for _ in range(MEASURED)]
                lane.submit(windows)
                for _ in windows:
                    if not await drawn.get():
                        return
            self.cost.settle(engine)
        finally:
            lane.close()

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

    def _next_batch(self) -> list[Turn]:
        """Take the most urgent windows. The lock is held."""
        ready = [lane for lane in self._lanes if lane.ready]
        if not ready:
            return []
        now_ns = self.clock.now_ns()
        due = sorted(
            (
                (lane.deadline_ns() + (lane.in_flight + ahead) * SLOT_NS, lane)
                for lane in ready
                for ahead in range(lane.free)
            ),
            key=lambda each: each[0],
        )
        engine = due[0][1].engine
        cost_ns = self.cost.frame_ns(engine)
        limit = min(engine.max_batch, max(1, BATCH_NS // max(1, cost_ns)))
        lanes = [lane for _, lane in due if lane.engine is engine]
        return [lane.next_turn(now_ns, cost_ns) for lane in lanes[:limit]]

    def _render(self, batch: list[Turn]) -> None:
        engine = batch[0].lane.engine
        begun_ns = self.clock.now_ns()
        drawing = [turn for turn in batch if not turn.repeat]
        try:
            images = iter(
                engine.render([Job(turn.lane.prepared, turn.window, turn.position) for turn in drawing])
                if drawing
                else ()
            )
            frames = [(turn, self._picture_of(turn, images)) for turn in batch]
        except Exception as error:  # whatever an engine raises ends the session it served, not the thread
            if len(batch) > 1:
                for alone in batch:  # one of them is to blame; the others shall not notice
                    self._render([alone])
                return
            logger.exception("inference: an engine failed")
            self._post(batch[0].lane.receive_failure, error)
            return
        drawn_ns = self.clock.now_ns()
        if drawing:
            self.cost.note(engine, len(drawing), drawn_ns - begun_ns)
        for turn, image in frames:
            journey = turn.window.sound.journey
            journey.begun_ns, journey.drawn_ns = begun_ns, drawn_ns
            self._post(turn.lane.receive, [TalkingFrame.of(turn.window.sound, image)])

    @staticmethod
    def _picture_of(turn: Turn, drawn: Iterator[Image]) -> Image:
        image = turn.lane.last_image if turn.repeat else next(drawn)
        # an interrupt may have come meanwhile: then there is no last picture, and nobody will see this one
        image = turn.lane.prepared.rest(turn.position) if image is None else image
        if turn.window.sound.generation == turn.lane.generation:
            turn.lane.last_image = image
        return image

    def _post(self, call: Callable[..., None], argument: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, argument)
        except RuntimeError:
            logger.info("inference: the event loop is gone, a result was dropped")
