"""What the inference thread must know of a session, and where its frames go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.media import SLOT_NS, TalkingFrame


@dataclass(frozen=True, slots=True)
class Demand:
    """How urgently a session wants its next frame. It never changes, so any thread may read the latest one.

    ``head_due_ns``: when the first frame that waits, or is to come, is due; None before playout begins, when it would
    be due at once. ``head_position``: the avatar's time for that frame, in slots. ``depth``: frames that wait.
    ``playing``: a frame is due every slot, and a late one cuts the voice. ``has_room``: more frames are wanted.
    """

    head_due_ns: int | None = None
    head_position: int = 0
    depth: int = 0
    playing: bool = False
    has_room: bool = True

    def due_ns(self, now_ns: int) -> int:
        """Return when the next frame to be made is due."""
        head_ns = now_ns if self.head_due_ns is None else self.head_due_ns
        return head_ns + self.depth * SLOT_NS

    @property
    def position(self) -> int:
        """The avatar's time for the next frame to be made, in slots."""
        return self.head_position + self.depth


class FrameSink(Protocol):
    """What generation writes to. The event loop calls :meth:`put` and :meth:`fail`; any thread reads ``demand``."""

    @property
    def demand(self) -> Demand:
        """The latest demand, published whole."""
        ...

    def put(self, frames: list[TalkingFrame]) -> None:
        """Take frames, in order."""
        ...

    def replace(self, frame: TalkingFrame) -> None:
        """Take a frame's picture anew, where that has not been played yet."""
        ...

    def fail(self, error: BaseException) -> None:
        """Take the news that the engine cannot draw this session."""
        ...
