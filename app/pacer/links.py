"""What a pacer stands between, and whom it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.emphasis import Emphasis
from app.media import I420, TalkingFrame
from app.pacer.idle_renderer import Picture
from app.pacer.played_slot import PlayedSlot
from app.pacer.playout_buffer import PlayoutBuffer


class Outlet(Protocol):
    """Where slots go: Buffer B."""

    def put(self, played: PlayedSlot) -> None:
        """Take one slot; never blocks."""
        ...


class Upstream(Protocol):
    """What the pacer may ask of the stages before Buffer A."""

    @property
    def backlog(self) -> int:
        """Frames on their way to Buffer A."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the input said that nothing more comes."""
        ...


class IdleFace(Protocol):
    """What is shown while nothing plays."""

    def picture(self, position: int) -> Picture:
        """Return the picture at a position of the avatar's time."""
        ...

    def follow(self, position: int, played: I420, emphasis: Emphasis) -> None:
        """Note what the face showed when it spoke last; it comes to rest from there."""
        ...


class PacerListener:
    """What a pacer tells, on the event loop; the methods do nothing here."""

    def speaking(self, speaking: bool, pts: int) -> None:
        """Take True when a voice's first frame plays, and False when its last one has.

        It ends with its flush, in ``live`` mode also with a pause. ``pts``: of the first frame, or behind the last one.
        """

    def slot_served(self, late_ns: int) -> None:
        """Take by how much a slot missed its deadline."""

    def played(self, frame: TalkingFrame, now_ns: int) -> None:
        """Take a frame that is played now."""


@dataclass(frozen=True, slots=True)
class PacerLinks:
    """What a pacer stands between: frames come from ``upstream`` through ``buffer``, slots go to ``outlet``."""

    buffer: PlayoutBuffer
    upstream: Upstream
    outlet: Outlet
    idle: IdleFace
