"""How late sound gets ready, and how much room that needs: learnt from every frame, forgotten after half a minute.

A frame's *lateness* is when it was ready for playout minus where its sound lies in the sender's: constant on a perfect
machine, and more by whatever its arrival, the inference thread or the event loop was slow. Playout at an offset from
the sender's time plays a frame in time if the offset is larger; what is left is its slack.
"""

from __future__ import annotations

import statistics
from collections import deque

from app.media import NS_PER_MS, SLOT_NS, VIDEO_FPS, TalkingFrame

WINDOW_FRAMES = 2 * VIDEO_FPS  # what happens every other second shows in it
BLOCKS_KEPT = 15  # of so many frames each, half a minute, for what comes more rarely

FLOOR_NS = 10 * NS_PER_MS  # of the margin: what a machine that never hiccuped may do next
UNKNOWN_NS = 25 * NS_PER_MS  # the margin while nothing has been learnt
ONCE_NS = 25 * NS_PER_MS  # at most for what happened once; what happened twice is expected whole
MOST_NS = 25 * SLOT_NS  # in any case
BEGINNING_FRAMES = 2 * WINDOW_FRAMES  # a session's first seconds, whose stalls do not come again
UNSEEN = 8  # one part in so many of the jitter: what was seen of it is not yet its worst


def lateness_of(frame: TalkingFrame) -> int:
    """Return a frame's, in ns: when it was ready, or could have been but for a full Buffer A."""
    timestamps = frame.timestamps
    ready_ns = timestamps.ready_ns
    if timestamps.held_back:
        ready_ns = min(ready_ns, timestamps.queued_ns + timestamps.ready_ns - timestamps.begun_ns)
    return ready_ns - frame.sent_ns


class Lateness:
    """What is remembered of it. Bound: ``WINDOW_FRAMES`` + ``BLOCKS_KEPT`` numbers."""

    def __init__(self) -> None:
        self._window: deque[int] = deque(maxlen=WINDOW_FRAMES)
        self._blocks: deque[int] = deque(maxlen=BLOCKS_KEPT)  # the largest jitter of each
        self._in_block = 0
        self._count = 0
        self._jitter_ns = 0

    @property
    def expected_ns(self) -> int | None:
        """The most that is to be expected; None before the first frame.

        It is what the last two seconds had, or their best and the jitter of half a minute.
        """
        return max(max(self._window), min(self._window) + self._jitter_ns) if self._window else None

    @property
    def settled(self) -> bool:
        """Whether two seconds have been seen."""
        return len(self._window) == WINDOW_FRAMES

    @property
    def margin_ns(self) -> int:
        """How much slack playout should keep beyond what is expected."""
        return FLOOR_NS + self._jitter_ns // UNSEEN if self.settled else UNKNOWN_NS

    def note(self, lateness_ns: int) -> None:
        """Record a frame's."""
        self._count += 1
        if self._count > BEGINNING_FRAMES:
            self._remember(self._window[0] - min(self._window))
        self._window.append(lateness_ns)

    def _remember(self, jitter_ns: int) -> None:
        """Take how much later a frame was than the best of the two seconds after it.

        So a sender that is later for good, as its clock is slow or it paused without a word, has no jitter for that.
        """
        if self._in_block == 0:
            self._blocks.append(jitter_ns)
        self._blocks[-1] = max(self._blocks[-1], jitter_ns)
        self._in_block = (self._in_block + 1) % WINDOW_FRAMES
        self._jitter_ns = _expected(self._blocks)


def _expected(blocks: deque[int]) -> int:
    """Return the jitter to be ready for: the second largest, or the largest within reason."""
    # one stall may spoil two blocks that follow each other: only local maxima count
    padded = [-1, *blocks, -1]
    peaks = sorted(b for a, b, c in zip(padded, padded[1:], padded[2:], strict=False) if a < b >= c)
    twice = peaks[-2] if len(peaks) > 1 else 0
    return min(max(min(peaks[-1], statistics.median_low(blocks) + ONCE_NS), twice), MOST_NS)
