"""The one seam: what an engine is, what it hears, and what it is given.

An engine prepares an avatar once, then turns (avatar, sound) pairs of any mix of sessions into pictures. It
keeps nothing about a session: all that it may hear of one is in the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from app.avatars.avatar import Avatar
from app.emphasis import Emphasis
from app.inference.expression import NEUTRAL, Expression
from app.inference.features.window import MelSpan, Window
from app.media import I420


class IdleMotion(Protocol):
    """What a face does by itself. Any thread may draw; it takes milliseconds."""

    def emphasis(self, window: Window) -> Emphasis:
        """Return how strongly the face speaks in a window."""
        ...

    def at_rest(self, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL) -> I420:
        """Draw the face with its mouth at rest, so many slots into its own time.

        ``emphasis``: what is left of the last words'. ``expression``: how the face looks meanwhile.
        """
        ...


class Prepared(Protocol):
    """An avatar made ready by an engine; everything else in it is the engine's own."""

    @property
    def moving(self) -> bool:
        """Whether it is a video: then each picture costs its preparation too."""
        ...

    @property
    def idle_motion(self) -> IdleMotion | None:
        """What it does by itself at rest; None: :meth:`idle_frame` is all there is to see."""
        ...

    def without_idle_motion(self) -> Prepared:
        """Return the same avatar without idle motion, which costs less to draw; itself where it has none.

        What costs nothing, such as a blink, may stay: :meth:`idle_frame` shows it.
        """
        ...

    def idle_frame(self, position: int) -> I420:
        """Return the picture at rest. Cheap: called on the event loop for every hold."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to make. ``prepared`` was made by the engine that gets the job.

    ``position``: where its slot lies in the avatar's own time, 25 a second; a video shows its frame of then.
    ``expression``: how the face looks, its own mouth apart.
    """

    prepared: Any
    window: Window
    position: int = 0
    expression: Expression = NEUTRAL


@runtime_checkable
class Cutout(Protocol):
    """A prepared avatar that may know which part of its pictures is the person, so that the rest can be left out."""

    def matte(self, job: Job) -> NDArray[np.uint8] | None:
        """Return that of a job's picture: uint8 (height, width), 255 where the person is; None: it is not known."""
        ...


class Engine(Protocol):
    """Something that makes a face speak."""

    name: str
    span: MelSpan | None  # None: the frame's own slice is enough
    max_batch: int

    def prepare(self, avatar: Avatar) -> Prepared:
        """Do all that depends on the avatar alone. Called once, away from the event loop and the worker.

        It must not touch the accelerator: what belongs there moves at the first ``render``.
        """
        ...

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        """Make one picture a job, in order. Called on the inference thread only."""
        ...
