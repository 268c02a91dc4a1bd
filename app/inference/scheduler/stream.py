"""One session's way through the inference thread: windows in, frames out."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.clock import Clock
from app.inference.engine import Engine, Prepared
from app.inference.expression import Expression
from app.inference.features.window import Window
from app.inference.looks import PLAIN, Looks
from app.inference.scheduler.cost import LATELY_NS, CostKey
from app.inference.scheduler.demand import Demand, FrameSink
from app.media import I420, SLOT_NS, TalkingFrame

PENDING_HIGH = 75  # windows that wait for the thread: 3 s, some 25 KB each at most
PENDING_LOW = 25
IN_FLIGHT_HIGH = 8  # frames that one stream may have between the thread and its sink
DRAWN_HIGH = 40  # windows that were taken of late, so that their pictures can be drawn again
BEHIND = 3  # windows of a lossy stream that wait: its engine may be slower than its voice
SPARE_NS = 5 * SLOT_NS  # and so much more before its deadline: more slack than a pacer waits for, or its delay grows
STILL = 16  # times what a picture takes: a face that stood still so long is drawn, as the rush may be over
AGAIN_AHEAD = 2  # slots: a picture that is shown sooner is not drawn again
MARGIN = 2  # pictures' time: a frame with less before its deadline will miss it


@dataclass(frozen=True, slots=True)
class ScheduledWindow:
    """A window whose turn on the thread has come.

    ``repeat``: it gets the stream's last picture, as there is no time for another. ``position`` and ``expression``: see
    :class:`Job`. ``again``: it was drawn before, and the face is to look otherwise.
    """

    stream: GenerationStream
    window: Window
    repeat: bool
    position: int
    expression: Expression
    again: bool = False


class GenerationStream:
    """Windows of one session that wait for the thread, and frames that come back.

    Bound: ``PENDING_HIGH`` windows, and ``DRAWN_HIGH`` that were drawn and may have to be again (the oldest goes).
    Full: :meth:`wait_for_room` blocks, which stops ingest; a ``lossy`` stream (a live session's) drops its oldest
    window instead, silent ones first, and counts it. Empty: the thread passes it by.
    One that is ``patient`` waits for each picture.
    ``changed`` is the worker's lock; what the thread reads changes only while it is held.
    """

    def __init__(
        self,
        engine: Engine,
        prepared: Prepared,
        sink: FrameSink,
        lossy: bool,
        clock: Clock,
        changed: threading.Condition,
        patient: bool = False,
    ) -> None:
        self.engine, self.prepared, self.sink, self.patient = engine, prepared, sink, patient
        self.cost_key = CostKey.of(engine, prepared)
        self.lossy, self._clock, self._changed = lossy, clock, changed
        self._room = asyncio.Event()
        self._room.set()
        self.pending: deque[Window] = deque()
        self.in_flight = 0
        self.next_pts = 0  # behind the last window submitted
        self.dropped = 0
        self.repeated = 0
        self._last_image: I420 | None = None
        self._rests = False  # in it the mouth is at rest
        self._drawn_ns = 0  # when the last picture was that was no repeat
        self._looks = PLAIN
        self._drawn: deque[ScheduledWindow] = deque(maxlen=DRAWN_HIGH)
        self._again: deque[ScheduledWindow] = deque(maxlen=DRAWN_HIGH)
        self._blocked_ns = 0  # when the sink was last seen full
        self.taken_ns = -LATELY_NS  # when the thread last took a window of it
        self.generation = 0
        self.ended = False
        self.closed = False

    @property
    def backlog(self) -> int:
        """Frames on their way to the sink."""
        return len(self.pending) + self.in_flight

    def free(self, demand: Demand) -> int:
        """Return how many windows the thread may take now. The worker's lock is held."""
        if not demand.has_room:
            self._blocked_ns = self._clock.now_ns()
            return 0
        return min(len(self.pending), IN_FLIGHT_HIGH - self.in_flight)

    def turn_ns(self, round_ns: int) -> float:
        """Return when it is to have its next picture, whatever is due; never where the thread keeps up.

        Else one face would stand still for those that are due a little earlier each time. ``round_ns``: see
        :meth:`take`. The worker's lock is held.
        """
        return self._drawn_ns + round_ns if round_ns >= SLOT_NS else math.inf

    def take(self, demand: Demand, now_ns: int, cost_ns: int, round_ns: int) -> ScheduledWindow:
        """Take the next window. The worker's lock is held.

        ``cost_ns``: what its picture takes; ``round_ns``: what one of everybody takes. Where the thread cannot keep up,
        a picture is shown twice rather than a voice cut.
        """
        repeat = self._last_image is not None and self._is_late(demand, now_ns, cost_ns, round_ns)
        self.taken_ns = now_ns
        position = demand.position + self.in_flight
        self.in_flight += 1
        self.repeated += repeat
        window = self.pending.popleft()
        window.sound.timestamps.held_back = window.sound.timestamps.queued_ns <= self._blocked_ns
        turn = ScheduledWindow(self, window, repeat, position, self._looks.at(position, window.sound.pts))
        if self.prepared.idle_motion is not None:
            self._drawn.append(turn)
        return turn

    def _is_late(self, demand: Demand, now_ns: int, cost_ns: int, round_ns: int) -> bool:
        """Whether there is no time for the next window's picture.

        A live voice is always close to its time, so in a lossy stream windows must have piled up too. Where a slot's
        pictures take longer than the slot nobody stands still for one, not even in a hole or in silence, or windows
        pile up until the voice comes too late; else what piled up in a stall is soon drawn.
        """
        overloaded, latest = round_ns >= SLOT_NS, len(self.pending) < BEHIND
        if self.patient or (latest and (self.lossy or overloaded)):
            return False
        left_ns = demand.due_ns(now_ns) + self.in_flight * SLOT_NS - now_ns
        if overloaded:
            still = now_ns - self._drawn_ns > STILL * round_ns
            return left_ns < MARGIN * round_ns + SPARE_NS and not still
        # a pause may be longer, and a mouth that stays open in it is worse than a late one
        return demand.playing and left_ns < MARGIN * cost_ns and not self.pending[0].sound.silent

    def stand_in_for(self, turn: ScheduledWindow) -> I420:
        """Return what the face shows where nothing is drawn: its last picture, or in silence a mouth at rest."""
        image = self._last_image  # an interrupt may take it away meanwhile
        if image is None or (turn.window.sound.silent and not self._rests):
            return self.prepared.idle_frame(turn.position)
        return image

    def keep(self, image: I420, turn: ScheduledWindow) -> None:
        """Note what the face shows in a window's slot, to be shown again."""
        # an interrupt may have come meanwhile: then nobody will see this one
        if turn.window.sound.generation == self.generation and not turn.again:
            self._last_image = image
            self._rests = turn.window.sound.silent or (turn.repeat and self._rests)
            if not turn.repeat:
                self._drawn_ns = self._clock.now_ns()

    def calm(self) -> None:
        """Draw the face without its life from the next picture on."""
        with self._changed:
            self.prepared = self.prepared.without_idle_motion()
            self.cost_key = CostKey.of(self.engine, self.prepared)
            self._drawn.clear()

    def again_due_ns(self, demand: Demand, now_ns: int) -> int | None:
        """Return when the next picture that is to be drawn again is due; None where there is none to be had in time.

        The worker's lock is held.
        """
        while self._again:
            ahead = self._again[0].position - demand.head_position
            if ahead >= AGAIN_AHEAD:
                return demand.due_ns(now_ns) + (ahead - demand.depth) * SLOT_NS
            self._again.popleft()
        return None

    def take_again(self) -> ScheduledWindow:
        """Take the window whose picture is to be drawn again next. The worker's lock is held."""
        return self._again.popleft()

    def show(self, looks: Looks, redraw: bool = False) -> None:
        """Let what is drawn from now on look otherwise; ``redraw``: what was drawn and has not been played, too."""
        with self._changed:
            self._looks = looks
            if redraw:
                drawn, waiting = list(self._drawn), {turn.window.sound.pts for turn in self._again}
                self._drawn.clear()
                self._again.clear()
                for turn in drawn:
                    pts = turn.window.sound.pts
                    expression = looks.at(turn.position, pts)
                    if expression != turn.expression or pts in waiting:
                        turn = replace(turn, repeat=False, expression=expression, again=True)
                        self._again.append(turn)
                    self._drawn.append(turn)
                self._changed.notify()

    @property
    def next_position(self) -> int:
        """Where in the avatar's time the first window lies that the thread has not taken."""
        with self._changed:
            return self.sink.demand.position + self.in_flight

    async def wait_for_room(self) -> None:
        """Return when a window may be submitted."""
        if not self.lossy:
            await self._room.wait()

    def submit(self, windows: Sequence[Window]) -> None:
        """Queue windows for the thread."""
        if self.closed or not windows:
            return
        now_ns = self._clock.now_ns()
        for window in windows:
            window.sound.timestamps.queued_ns = now_ns
        self.next_pts = windows[-1].sound.pts + 1
        with self._changed:
            self.ended = False
            self.pending.extend(windows)
            while self.lossy and len(self.pending) > PENDING_HIGH:
                self._shed()
            if len(self.pending) >= PENDING_HIGH:
                self._room.clear()
            self._changed.notify()

    def end(self) -> None:
        """Note that nothing more comes until the next ``submit``."""
        self.ended = True

    def interrupt(self, generation: int) -> None:
        """Discard what waits, and whatever the thread still has of an older generation when it comes."""
        with self._changed:
            self.generation = generation
            self.pending.clear()
            self.in_flight = 0
            self.ended = True
            self._last_image = None
            self._drawn.clear()
            self._again.clear()
        self._room.set()

    def close(self) -> None:
        """Leave the thread, which forgets a closed stream; nothing is delivered afterwards. Again is fine."""
        self.closed = True
        self.interrupt(self.generation + 1)
        with self._changed:
            self._changed.notify()

    def receive(self, frames: list[TalkingFrame]) -> None:
        """Take the thread's results, on the event loop."""
        current = [frame for frame in frames if frame.generation == self.generation]
        with self._changed:
            self.in_flight -= len(current)
            # within the lock, so that the thread never sees a frame neither here nor in the sink
            if current and not self.closed:
                self.sink.put(current)
            self._changed.notify()
        if len(self.pending) <= PENDING_LOW:
            self._room.set()

    def receive_again(self, frame: TalkingFrame) -> None:
        """Take a picture that was drawn again, on the event loop."""
        if frame.generation == self.generation and not self.closed:
            self.sink.replace(frame)

    def receive_failure(self, error: BaseException) -> None:
        """Take the news that the engine failed on this stream's window, on the event loop."""
        if not self.closed:
            self.sink.fail(error)

    def _shed(self) -> None:
        for i, window in enumerate(self.pending):
            if window.sound.silent:
                del self.pending[i]
                break
        else:
            self.pending.popleft()
        self.dropped += 1
