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
from dataclasses import dataclass, field, replace

import numpy as np

from app.clock import Clock, MonotonicClock
from app.emphasis import CALM, Emphasis
from app.i420 import size_of
from app.inference.engine import Engine, Job, Prepared
from app.inference.scheduler.batch import take_batch
from app.inference.scheduler.cost import EngineCost
from app.inference.scheduler.demand import FrameSink
from app.inference.scheduler.stream import GenerationStream, ScheduledWindow
from app.media import I420, NS_PER_MS, NS_PER_S, SLOT_NS, TalkingFrame
from app.memory import is_shortage
from app.threads import name_thread

logger = logging.getLogger(__name__)

WATCH_NS = 2 * SLOT_NS
STUCK_NS = 2_500 * NS_PER_MS  # that a batch may take beyond what is usual: until then lips and voice wait together
STUCK_TIMES = 4
JOIN_S = 5.0  # that the thread may take to its end; one that an engine never gives back dies with the process


@dataclass(slots=True)
class _Act:
    """What the thread is at. ``given_up``: places in the batch that got another picture meanwhile."""

    batch: list[ScheduledWindow]
    begun_ns: int
    stuck_ns: int
    given_up: set[int] = field(default_factory=set)
    told: bool = False


class InferenceWorker:
    """One thread that serves every stream, earliest deadline first.

    ``start`` and ``aclose`` belong together and are idempotent. A batch holds windows of one engine and of any
    streams, in the order in which they are due: at most ``engine.max_batch``, and no more than take ``BATCH_NS``, so
    that a clip which generates ahead never keeps a live voice waiting. It closes at once: whatever arrives while it
    runs makes up the next, so batches grow by themselves as the load does.

    An engine that does not come back from a batch, for ``STUCK_NS`` or for good, takes nobody's voice: what is due
    goes on with each face's last picture, as where an engine is too slow. A thread that died is started again.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or MonotonicClock()
        self.cost = EngineCost()
        self._changed = threading.Condition()
        self._streams: list[GenerationStream] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._act: _Act | None = None
        self._watch: asyncio.Task[None] | None = None
        self.worked_ns = 0  # processor time that drawing took so far

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread; results go to the running event loop."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._start_thread()
            self._watch = asyncio.create_task(self._watch_thread(), name="inference watch")

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    async def aclose(self) -> None:
        """Stop the thread and wait for it, off the event loop."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, JOIN_S)
            if self._thread.is_alive():
                logger.error("inference: an engine does not come back; its thread is left behind")
            self._thread = None
        for stream in list(self._streams):
            stream.receive_failure(RuntimeError("the service is stopping"))

    def open(
        self, engine: Engine, prepared: Prepared, lossy: bool, sink: FrameSink, patient: bool = False
    ) -> GenerationStream:
        """Add a stream, until it is closed; ``sink`` takes its frames, on the event loop.

        ``patient``: it waits for each picture, however long the engine takes.
        """
        stream = GenerationStream(engine, prepared, sink, lossy, self.clock, self._changed, patient)
        with self._changed:
            self._streams.append(stream)
        return stream

    def wake(self) -> None:
        """Tell the thread that a sink has room again."""
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        name_thread("inference")
        while batch := self._wait_for_batch():
            self._work(batch)

    def _wait_for_batch(self) -> list[ScheduledWindow]:
        """Return what to draw next; nothing once the thread is to end."""
        with self._changed:
            batch = self._next_batch()
            while not batch and not self._closing:
                self._changed.wait()
                batch = self._next_batch()
            return [] if self._closing else batch

    def _work(self, batch: list[ScheduledWindow]) -> None:
        """Draw a batch, while the watch may see how long that takes."""
        with self._changed:
            usual_ns = sum(self.cost.wall_ns(turn.stream.cost_key) for turn in batch)
            act = self._act = _Act(batch, self.clock.now_ns(), STUCK_NS + STUCK_TIMES * usual_ns)
        self._render(batch, act)
        with self._changed:
            self._act = None
        if act.told:
            logger.warning("inference: goes on, after %.1f s", (self.clock.now_ns() - act.begun_ns) / NS_PER_S)

    def _next_batch(self) -> list[ScheduledWindow]:
        """Take the most urgent windows. The lock is held."""
        self._streams = [stream for stream in self._streams if not stream.closed]
        return take_batch(self._streams, self.cost, self.clock.now_ns())

    def _render(self, batch: list[ScheduledWindow], act: _Act) -> None:
        engine = batch[0].stream.engine
        begun_ns, worked_ns = self.clock.now_ns(), time.thread_time_ns()
        drawing = [turn for turn in batch if not turn.repeat]
        try:
            images = iter(self._drawn(engine, drawing))
            frames = [(turn, self._picture_of(turn, images), self._emphasis_of(turn)) for turn in batch]
        except BaseException as error:  # whatever an engine raises ends the session it served, not the thread
            if len(batch) > 1:
                for alone in batch:  # one of them is to blame; the others shall not notice
                    self._render([alone], act)
                return
            if not is_shortage(error):
                logger.error("inference: an engine failed", exc_info=error)
                self._post(batch[0].stream.receive_failure, error)
                return
            if batch[0].again:
                return  # there is a picture
            # somebody else's upload, perhaps: it passes, and a voice need not end for it
            logger.error("inference: no memory for a picture; the last one is shown again")
            batch[0].stream.repeated += 1
            frames, drawing = [(batch[0], batch[0].stream.stand_in_for(batch[0]), CALM)], []
        drawn_ns = self.clock.now_ns()
        worked_ns = time.thread_time_ns() - worked_ns
        self.worked_ns += worked_ns
        keys = {turn.stream.cost_key for turn in drawing}
        # else nobody knows who took what; and a stall is no cost, for which pictures would be spared for ever
        if len(keys) == 1 and not act.told and not any(turn.window.sound.silent for turn in drawing):
            self.cost.note(keys.pop(), len(drawing), drawn_ns - begun_ns, worked_ns, drawn_ns)
        with self._changed:  # what was given up is there already
            frames = [each for each in frames if act.batch.index(each[0]) not in act.given_up]
            act.given_up.update(act.batch.index(turn) for turn, _, _ in frames)
        for turn, image, emphasis in frames:
            if turn.again:
                self._post(turn.stream.receive_again, TalkingFrame.of(turn.window.sound, image, emphasis))
                continue
            timestamps = turn.window.sound.timestamps
            timestamps.begun_ns, timestamps.drawn_ns = begun_ns, drawn_ns
            self._post(turn.stream.receive, [TalkingFrame.of(turn.window.sound, image, emphasis)])

    @staticmethod
    def _drawn(engine: Engine, drawing: list[ScheduledWindow]) -> list[I420]:
        """Draw, and look whether that is what was asked for: whoever is sent another size sees nothing at all.

        Raises:
            ValueError: it is not.
        """
        if not drawing:
            return []
        images = engine.render(
            [Job(turn.stream.prepared, turn.window, turn.position, turn.expression) for turn in drawing]
        )
        if len(images) != len(drawing):
            raise ValueError(f"{engine.name} made {len(images)} pictures of {len(drawing)}")
        for turn, image in zip(drawing, images, strict=True):
            key = turn.stream.cost_key
            if image.dtype != np.uint8 or image.ndim != 2 or size_of(image) != (key.width, key.height):
                raise ValueError(f"{engine.name} made {image.dtype} {image.shape} of {key.width} × {key.height} pixels")
        return images

    @staticmethod
    def _picture_of(turn: ScheduledWindow, drawn: Iterator[I420]) -> I420:
        image = turn.stream.stand_in_for(turn) if turn.repeat else next(drawn)
        turn.stream.keep(image, turn)
        return image

    @staticmethod
    def _emphasis_of(turn: ScheduledWindow) -> Emphasis:
        idle_motion = turn.stream.prepared.idle_motion
        return idle_motion.emphasis(turn.window) if idle_motion else CALM

    async def _watch_thread(self) -> None:
        """Stand in for the thread while it is stuck, and replace it when it is dead, until cancelled."""
        while True:
            await self.clock.sleep_until(self.clock.now_ns() + WATCH_NS)
            assert self._thread is not None
            if not self._thread.is_alive():
                logger.error("inference: the thread died, and is started again")
                self._stand_in(dead=True)
                with self._changed:
                    self._act = None
                    for stream in self._streams:
                        stream.in_flight = 0  # whatever it had in its hands besides is lost
                self._start_thread()
            else:
                self._stand_in()

    def _stand_in(self, dead: bool = False) -> None:
        """Give what is due its face's last picture, where the thread is stuck. On the event loop."""
        now_ns = self.clock.now_ns()
        with self._changed:
            act = self._act
            if act is None or not (dead or now_ns - act.begun_ns > act.stuck_ns):
                return
            places = [
                n
                for n, turn in enumerate(act.batch)
                if n not in act.given_up and not turn.stream.patient and not turn.again
            ]
            act.given_up.update(places)
            turns = [act.batch[place] for place in places]
            for stream in self._streams:
                turns += [] if stream.patient or stream.closed else self._due(stream, now_ns)
            for turn in turns:
                turn.stream.repeated += not turn.repeat
                timestamps = turn.window.sound.timestamps
                timestamps.begun_ns = timestamps.drawn_ns = now_ns
                image = turn.stream.stand_in_for(turn)
                turn.stream.keep(image, replace(turn, repeat=True))  # or it would be looked for in each silent slot
                turn.stream.receive([TalkingFrame.of(turn.window.sound, image)])
        if turns and not act.told and not dead:
            act.told = True
            stuck_ms = (now_ns - act.begun_ns) // NS_PER_MS
            logger.error(
                "inference: %s has not come back for %d ms; voices go on", act.batch[0].stream.engine.name, stuck_ms
            )

    @staticmethod
    def _due(stream: GenerationStream, now_ns: int) -> list[ScheduledWindow]:
        """Take what would be late by the next look. The lock is held."""
        turns: list[ScheduledWindow] = []
        demand = stream.sink.demand
        while stream.free(demand) and demand.due_ns(now_ns) + stream.in_flight * SLOT_NS < now_ns + 2 * WATCH_NS:
            turns.append(stream.take(demand, now_ns, 0, 0))
        return turns

    def _post(self, call: Callable[..., None], argument: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, argument)
        except RuntimeError:
            logger.info("inference: the event loop is gone, a result was dropped")
