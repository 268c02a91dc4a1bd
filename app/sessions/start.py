"""How a session gets going: from its making to its first frame's leaving."""

from __future__ import annotations

from app.clock import Clock
from app.media import TalkingFrame
from app.tracing import UNTRACED, StartTrace


class Start:
    """Follows a session until its first frame that speaks was sent, in the trace in which it was asked for.

    What came before that frame stands in its own timestamps.
    """

    def __init__(self, trace: StartTrace, clock: Clock) -> None:
        self.trace = trace
        self._begun_ns = clock.now_ns()
        self._over = trace is UNTRACED
        self._drawn_ns: int | None = None

    def played(self, frame: TalkingFrame) -> None:
        """Take a frame that is played."""
        if self._over or self._drawn_ns is not None:
            return
        arrived_ns, self._drawn_ns = frame.timestamps.arrived_ns, frame.timestamps.drawn_ns
        self.trace.add("first sound", self._begun_ns, arrived_ns)
        self.trace.add("first frame rendered", arrived_ns, self._drawn_ns)

    def sent(self, first_ns: int | None) -> None:
        """Take when the first frame was sent, once that is known."""
        if self._over or self._drawn_ns is None or first_ns is None:
            return
        self.trace.add("first frame sent", self._drawn_ns, first_ns)
        self.end()

    def end(self, error: str = "") -> None:
        """Nothing more is awaited; again is fine."""
        self._over = True
        self.trace.end(error)
