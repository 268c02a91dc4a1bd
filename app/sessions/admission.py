"""Who is let in: whom the machine has time for, beside those who are there already. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.rtc.picture_encoder import Effort

MOST_LOAD = 0.6  # of all cores: what is left is for what happens at the same moment; beyond it delays grow
MOST_ALIVE = 0.75  # of what may be used, by faces with a life of their own: the rest is for those that only speak
MOST_THREAD = 0.55  # of the inference thread's time, likewise
LESS = 0.85  # of the usual coding, the least effort takes


@dataclass(frozen=True, slots=True)
class SessionLoad:
    """What a session takes, in cores: inference, coding, and the rest; and how much of the one thread's time.

    That is more than the cores of inference: the thread waits, for a GPU, a core, or the interpreter's lock.
    """

    inference: float
    coding: float
    rest: float
    thread: float

    @property
    def cores(self) -> float:
        """All of it."""
        return self.inference + self.coding + self.rest


@dataclass(frozen=True, slots=True)
class Machine:
    """``cores`` in all; ``others``: what other processes take of them. ``strained``: somebody's slots come late."""

    cores: float
    others: float
    strained: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """On which a session is let in."""

    alive: bool
    effort: Effort


def load(machine: Machine, sessions: Sequence[SessionLoad]) -> float:
    """Return the share of what may be used that these sessions take: 1 is full."""
    whole = (machine.others + sum(session.cores for session in sessions)) / (MOST_LOAD * machine.cores)
    thread = sum(session.thread for session in sessions) / MOST_THREAD
    return max(whole, thread)


def terms(machine: Machine, inside: Sequence[SessionLoad], alive: SessionLoad, calm: SessionLoad) -> Terms | None:
    """Return on which terms a further session fits; None where it does not.

    First its life goes, while there is still room for others, then its pictures are coded with less effort. Alone, a
    session may take what it takes.
    """
    offers = [
        (Terms(True, Effort.USUAL), alive, MOST_ALIVE),
        (Terms(False, Effort.USUAL), calm, 1),
        (Terms(False, Effort.LEAST), replace(calm, coding=LESS * calm.coding), 1),
    ]
    if not inside:
        return offers[0][0]
    if machine.strained:
        return None
    return next((offer for offer, demand, most in offers if load(machine, [*inside, demand]) <= most), None)
