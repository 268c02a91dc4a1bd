"""Buffer A: frames that wait for their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from app.inference.scheduler.demand import Demand
from app.media import TalkingFrame


class PlayoutBuffer:
    """A FIFO of frames with high and low water marks, and the demand for more of them.

    Bound: ``high`` frames and the one batch that was in the model when the mark was reached; there is no hard limit,
    because a frame that has been paid for is worth keeping. Full: ``has_room`` turns false and the worker skips the
    session; at ``low`` it turns true again and ``on_room`` is called. Empty: ``pop`` is not allowed, the pacer holds.

    On the event loop; ``demand`` may be read anywhere. Who takes frames out publishes by :meth:`plan`, once it knows
    when the new head is due: so the demand is never half of the one before and half of the next.
    """

    def __init__(self, high: int, low: int, on_room: Callable[[], None] = lambda: None) -> None:
        if not 0 <= low < high:
            raise ValueError(f"water marks must satisfy 0 <= low < high, not low={low}, high={high}")
        self.high, self.low = high, low
        self.demand = Demand()
        self._on_room = on_room
        self._frames: deque[TalkingFrame] = deque()
        self._fresh = 0  # of them, the latest

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def has_room(self) -> bool:
        """Whether more frames are wanted."""
        return self.demand.has_room

    @property
    def head(self) -> TalkingFrame | None:
        """The frame whose turn is next."""
        return self._frames[0] if self._frames else None

    def put(self, frame: TalkingFrame) -> None:
        """Append a frame."""
        self._frames.append(frame)
        self._fresh += 1
        self._publish(self.demand.head_due_ns, self.demand.head_position, self.demand.playing)

    def take_news(self) -> list[TalkingFrame]:
        """Return the frames that came since the last call; they stay."""
        news = list(self._frames)[len(self._frames) - self._fresh :]
        self._fresh = 0
        return news

    def pop(self) -> TalkingFrame:
        """Remove and return the head."""
        frame = self._frames.popleft()
        self._fresh = min(self._fresh, len(self._frames))
        return frame

    def redraw(self, frame: TalkingFrame) -> None:
        """Show a frame's picture in the place of the one that was drawn for it before, where it still waits."""
        for place, waiting in enumerate(self._frames):
            if (waiting.generation, waiting.pts) == (frame.generation, frame.pts):
                self._frames[place] = replace(waiting, image=frame.image)

    def clear(self) -> int:
        """Discard everything, for an interrupt; returns how many frames there were."""
        count = len(self._frames)
        self._frames.clear()
        self._fresh = 0
        return count

    def plan(self, head_due_ns: int | None, head_position: int, playing: bool) -> None:
        """Publish when the head is due, where in the avatar's time, and whether a frame is due every slot."""
        self._publish(head_due_ns, head_position, playing)

    def _publish(self, head_due_ns: int | None, head_position: int, playing: bool) -> None:
        depth, had_room = len(self._frames), self.demand.has_room
        has_room = depth <= self.low or (had_room and depth < self.high)
        self.demand = Demand(head_due_ns, head_position, depth, playing, has_room)
        if has_room and not had_room:
            self._on_room()
