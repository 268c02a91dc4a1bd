"""Buffer A: frames that wait for their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from app.media import TalkingFrame


class PlayoutBuffer:
    """A FIFO of frames with high and low water marks.

    Bound: ``high`` frames and the one batch that was in the model when the mark was reached; there is no
    hard limit, because a frame that has been paid for is worth keeping. Full: ``has_room`` turns false and
    the worker skips the session; at ``low`` it turns true again and ``on_room`` is called. Empty: ``pop``
    is not allowed, the pacer holds. Written and read on the event loop; ``has_room`` may be read anywhere.
    """

    def __init__(self, high: int, low: int, on_room: Callable[[], None] = lambda: None) -> None:
        if not 0 <= low < high:
            raise ValueError(f"water marks must satisfy 0 <= low < high, not low={low}, high={high}")
        self.high, self.low = high, low
        self.has_room = True
        self._on_room = on_room
        self._frames: deque[TalkingFrame] = deque()
        self._fresh = 0  # of them, the latest

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def head(self) -> TalkingFrame | None:
        """The frame whose turn is next."""
        return self._frames[0] if self._frames else None

    def put(self, frame: TalkingFrame) -> None:
        """Append a frame."""
        self._frames.append(frame)
        self._fresh += 1
        if len(self._frames) >= self.high:
            self.has_room = False

    def take_news(self) -> list[TalkingFrame]:
        """Return the frames that came since the last call; they stay."""
        news = list(self._frames)[len(self._frames) - self._fresh :]
        self._fresh = 0
        return news

    def pop(self) -> TalkingFrame:
        """Remove and return the head."""
        frame = self._frames.popleft()
        self._fresh = min(self._fresh, len(self._frames))
        self._make_room()
        return frame

    def clear(self) -> int:
        """Discard everything, for an interrupt; returns how many frames there were."""
        count = len(self._frames)
        self._frames.clear()
        self._fresh = 0
        self._make_room()
        return count

    def _make_room(self) -> None:
        if not self.has_room and len(self._frames) <= self.low:
            self.has_room = True
            self._on_room()
