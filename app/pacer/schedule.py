"""What to do with a slot of playout: pure functions of what the pacer sees.

Nothing here reads a clock or touches a buffer, so every rule can be tested as a table.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from app.media import VIDEO_FPS

Mode = Literal["live", "clip"]

FLOOR_SLOTS = 2 * VIDEO_FPS  # the buffer's lowest depth is judged over two seconds


class Decision(Enum):
    """What happens to the head of Buffer A in this slot."""

    PLAY = "play"
    HOLD = "hold"  # nothing to play: the idle picture with silence
    DROP = "drop"  # catch up: the head goes, picture and sound together, then decide again


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers behind the decisions, in frames of 40 ms.

    ``prime``: frames wanted before the first is played. ``refill``: the same after an underrun.
    ``patience``: slots after which whatever there is gets played. ``spare``: the depth that may remain
    in ``live`` after each slot, two seconds long, before silence is dropped. ``hard_limit``: the backlog
    past which ``live`` drops speech.
    """

    prime: int
    refill: int
    patience: int
    spare: int
    hard_limit: int


LIVE = Policy(prime=1, refill=1, patience=5, spare=0, hard_limit=3 * VIDEO_FPS)
CLIP = Policy(prime=3, refill=8, patience=VIDEO_FPS, spare=0, hard_limit=0)


def policy_for(mode: Mode) -> Policy:
    """Return the policy of a mode."""
    return LIVE if mode == "live" else CLIP


@dataclass(frozen=True, slots=True)
class View:
    """All that a decision may depend on.

    ``depth``: frames in Buffer A. ``backlog``: those and the ones still on their way to it. ``floor``: the
    lowest backlog left after a slot in the last two seconds. ``needed``: depth wanted before playing (0 while
    playing). ``waited``: slots held so far with something in the buffer. ``ended``: the input said that
    no more is coming. ``head_silent``, ``last_silent``: the head, and the frame before it, hold no speech.
    """

    mode: Mode
    depth: int
    backlog: int
    floor: int
    needed: int
    waited: int
    ended: bool
    head_silent: bool
    last_silent: bool


def decide(view: View, policy: Policy) -> Decision:
    """Choose what happens to the head of the buffer.

    ``clip`` plays every frame. ``live`` drops what keeps the delay above its target: silent frames as soon
    as the buffer has had frames to spare for two seconds (never the first of a pause, so that words stay
    apart), speech only past the hard limit, and then in one piece: a gap is understood, chopped speech is not.
    """
    if view.depth == 0:
        return Decision.HOLD
    if view.mode == "live":
        if view.backlog > policy.hard_limit:
            return Decision.DROP
        if view.floor > policy.spare and view.head_silent and view.last_silent:
            return Decision.DROP
    filling = view.depth < view.needed and not view.ended and view.waited < policy.patience
    return Decision.HOLD if filling else Decision.PLAY


class Floor:
    """The lowest backlog left over after a slot, over two seconds: what could be done without.

    Bound: one integer a slot, ``FLOOR_SLOTS`` of them.
    """

    def __init__(self) -> None:
        self._left_over: deque[int] = deque(maxlen=FLOOR_SLOTS)

    @property
    def frames(self) -> int:
        """The floor; 0 until all that time has been seen."""
        return min(self._left_over) if len(self._left_over) == FLOOR_SLOTS else 0

    def note(self, backlog: int) -> None:
        """Record the backlog that a slot left."""
        self._left_over.append(backlog)

    def lower(self) -> None:
        """Take one dropped frame off every record, so that one surplus is not dropped twice."""
        for i in range(len(self._left_over)):
            self._left_over[i] -= 1

    def reset(self) -> None:
        """Forget, after an interrupt."""
        self._left_over.clear()
