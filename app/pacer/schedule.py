"""What to do with a slot of playout: pure functions of what the pacer sees.

Nothing here reads a clock or touches a buffer, so every rule can be tested as a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from app.media import NS_PER_MS, SLOT_NS, VIDEO_FPS

Mode = Literal["live", "clip", "agent"]

TOLERANCE_NS = 10 * NS_PER_MS  # beyond a slot over the margin before one is dropped, so that no pause goes to and fro


class Decision(Enum):
    """What happens to the head of Buffer A in this slot."""

    PLAY = "play"
    HOLD = "hold"  # nothing to play, or not yet: the idle picture
    DROP = "drop"  # catch up: the head goes, picture and sound together, then decide again


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers behind the decisions, in frames of 40 ms.

    ``prime``: frames wanted before the first is played. ``refill``: the same after an underrun.
    ``patience``: slots after which whatever there is gets played. ``hard_limit``: the backlog past which ``live``
    drops speech.
    """

    prime: int
    refill: int
    patience: int
    hard_limit: int


LIVE = Policy(prime=1, refill=1, patience=5, hard_limit=3 * VIDEO_FPS)
CLIP = Policy(prime=3, refill=8, patience=VIDEO_FPS, hard_limit=0)
AGENT = Policy(prime=2, refill=6, patience=12, hard_limit=0)  # it answers somebody, so its first word is not kept back
POLICIES: dict[Mode, Policy] = {"live": LIVE, "clip": CLIP, "agent": AGENT}


def policy_for(mode: Mode) -> Policy:
    """Return the policy of a mode."""
    return POLICIES[mode]


@dataclass(frozen=True, slots=True)
class View:
    """All that a decision may depend on.

    ``depth``: frames in Buffer A. ``backlog``: those and the ones still on their way to it. ``slack_ns``: how long
    before its slot a frame would be ready that is as late as must be expected, were the head played now; None while
    nothing is known. ``margin_ns``: the slack to keep. ``settled``: enough is known to make the delay shorter.
    ``broken``: a voice was cut, and the head goes on with it. ``needed``: depth wanted before playing (0 while
    playing). ``waited``: slots held so far with something in the buffer. ``ended``: the input said that no more is
    coming. ``head_silent``, ``last_silent``: the head, and the frame before it, hold no speech.
    """

    mode: Mode
    depth: int
    backlog: int
    slack_ns: int | None
    margin_ns: int
    settled: bool
    broken: bool
    needed: int
    waited: int
    ended: bool
    head_silent: bool
    last_silent: bool


def decide(view: View, policy: Policy) -> Decision:
    """Choose what happens to the head of the buffer.

    ``clip`` and ``agent`` play every frame. ``live`` begins with the margin, and keeps it by what happens in pauses
    alone: a slot more as soon as the slack is less, a slot less once it was more than a slot over it for two seconds
    (never the first frame of a pause, so that words stay apart). Speech goes only past the hard limit, and then in one
    piece: a gap is understood, chopped speech is not.
    """
    if view.depth == 0:
        return Decision.HOLD
    waiting = view.needed > 0 and not view.ended and view.waited < policy.patience
    if view.mode != "live":
        return Decision.HOLD if waiting and view.depth < view.needed else Decision.PLAY
    if view.backlog > policy.hard_limit:
        return Decision.DROP
    pause = view.head_silent and view.last_silent
    if view.slack_ns is None:
        return Decision.HOLD if waiting else Decision.PLAY
    # what is dropped before anything plays cannot come back, so it needs no tolerance
    enough_ns = view.margin_ns + SLOT_NS + (0 if view.needed else TOLERANCE_NS)
    if pause and (view.settled or view.needed) and view.slack_ns > enough_ns:
        return Decision.DROP
    grows = view.slack_ns < (0 if view.broken else view.margin_ns) and not view.ended
    return Decision.HOLD if grows and (waiting or (pause and not view.needed)) else Decision.PLAY
